"""Faults of the database that are of no message: all wait, say so once, and go on by themselves."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import count

import pytest
import requests
from psycopg import sql
from sqlalchemy.engine import make_url

from agentkit.authority import DEAD_LETTER_QUEUE, QUEUE, Authority
from agentkit.database import Database, dsn_of, execute, leftovers
from agentkit.databases import Databases, migrate
from agentkit.messages import Message, balance_change, configure, prepare
from agentkit.waiting import wait_until
from swpt_accounts.db.installer import procedures_schema
from verification.kit.servers import subscribe

MESSAGES_COUNT = 12
# A line when it begins, some for what it turns into, and one when it is over.
LINES_COUNT_MAX = 6
SECONDS_MAX = 60.0
# Each of them has said that it waits.
WAITING = "cannot use the database"
SERVICES_THAT_WAIT = (
    "consume_messages",
    "process_transfer_requests",
    "process_finalization_requests",
    "process_balance_changes",
    "flush_messages",
)
_debtor_ids = count(2**42 + 1)


@dataclass
class Place:
    """An authority whose role is no superuser, and the database as its administrator sees it."""

    authority: Authority
    database: Database
    role: str

    @property
    def name(self) -> str:
        return self.database.name

    def administrate(self, statement: str, *names: str) -> None:
        """Run a statement from another database."""
        dsn = dsn_of(make_url(self.database.url).set(database="postgres"))
        execute(dsn, sql.SQL(statement).format(*map(sql.Identifier, names)))


@pytest.fixture(scope="module")
def place(
    databases: Databases, broker_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """All services at work."""
    url = databases.create()
    database = Database(url)
    role = f"role_of_{database.name}"
    own_url = make_url(url).set(username=role, password="x").render_as_string(hide_password=False)
    settings = {
        "PROTOCOL_BROKER_PREFETCH_COUNT": "20",
        # or what they do not notice in a fault is not said
        **{f"APP_PROCESS_{n}_WAIT": "1" for n in ("TRANSFER_REQUESTS", "BALANCE_CHANGES")},
        "APP_PROCESS_FINALIZATION_REQUESTS_WAIT": "1",
        "FLUSH_PERIOD": "1",
    }
    folder = tmp_path_factory.mktemp("faults")
    made = Authority(own_url, broker_url, folder, settings)
    found = Place(made, database, role)
    found.administrate("CREATE ROLE {} LOGIN PASSWORD 'x'", role)
    try:
        found.administrate("GRANT CREATE ON DATABASE {} TO {}", database.name, role)
        grant(found)
        take_balance_changes(found)
        subscribe(made)
        made.observe()
        made.start()
        yield found
    finally:
        made.close()
        found.administrate("DROP DATABASE IF EXISTS {} WITH (FORCE)", database.name)
        found.administrate("DROP ROLE {}", role)


def take_balance_changes(place: Place) -> None:
    """Those of any sender: there is one shard, which otherwise takes none."""
    place.database.query("INSERT INTO older_senders VALUES ('move', '9999-01-01')")


def grant(place: Place) -> None:
    for statement in (
        "GRANT ALL ON ALL TABLES IN SCHEMA public TO {}",
        "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {}",
        "GRANT ALL ON SCHEMA public TO {}",
    ):
        place.database.query(sql.SQL(statement).format(sql.Identifier(place.role)))


# -- the faults ---------------------------------------------------------------

Fault = Callable[[Place], AbstractContextManager[None]]


@contextmanager
def right_is_revoked(place: Place) -> Iterator[None]:
    name = sql.Identifier(place.role)
    statement = sql.SQL("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {}")
    place.database.query(statement.format(name))
    try:
        yield
    finally:
        grant(place)


@contextmanager
def procedures_are_missing(place: Place) -> Iterator[None]:
    statement = sql.SQL("ALTER SCHEMA {} RENAME TO {}")
    names = sql.Identifier(procedures_schema()), sql.Identifier("gone")
    place.database.query(statement.format(*names))
    try:
        yield
    finally:
        place.database.query(statement.format(*reversed(names)))


@contextmanager
def database_is_empty(place: Place) -> Iterator[None]:
    """Another one has its name."""
    rename = "ALTER DATABASE {} RENAME TO {}"
    hidden = f"{place.name}_hidden"
    place.database.drop_connections()
    place.administrate("ALTER DATABASE {} ALLOW_CONNECTIONS false", place.name)
    place.database.drop_connections()
    place.administrate(rename, place.name, hidden)
    place.administrate("CREATE DATABASE {}", place.name)
    try:
        yield
    finally:
        place.administrate("DROP DATABASE {} WITH (FORCE)", place.name)
        place.administrate(rename, hidden, place.name)
        place.administrate("ALTER DATABASE {} ALLOW_CONNECTIONS true", place.name)


@contextmanager
def database_is_half_migrated(place: Place) -> Iterator[None]:
    migrate(place.database.url, "downgrade", "0002")
    try:
        yield
    finally:
        migrate(place.database.url, "upgrade")
        grant(place)
        take_balance_changes(place)


@contextmanager
def database_has_another_name(place: Place) -> Iterator[None]:
    rename = "ALTER DATABASE {} RENAME TO {}"
    hidden = f"{place.name}_hidden"
    place.administrate("ALTER DATABASE {} ALLOW_CONNECTIONS false", place.name)
    place.database.drop_connections()
    place.administrate(rename, place.name, hidden)
    try:
        yield
    finally:
        place.administrate(rename, hidden, place.name)
        place.administrate("ALTER DATABASE {} ALLOW_CONNECTIONS true", place.name)


def _role_is_changed(change: str, back: str) -> Fault:
    @contextmanager
    def changed(place: Place) -> Iterator[None]:
        place.administrate(f"ALTER ROLE {{}} {change}", place.role)
        place.database.drop_connections()
        try:
            yield
        finally:
            place.administrate(f"ALTER ROLE {{}} {back}", place.role)

    return changed


FAULTS: dict[str, Fault] = {
    "database is empty": database_is_empty,
    "database is half migrated": database_is_half_migrated,
    "database has another name": database_has_another_name,
    "procedures are missing": procedures_are_missing,
    "right is revoked": right_is_revoked,
    "no connection is left": _role_is_changed("CONNECTION LIMIT 0", "CONNECTION LIMIT -1"),
    "password is changed": _role_is_changed("PASSWORD 'y'", "PASSWORD 'x'"),
}
LATENT = ("database is half migrated", "procedures are missing", "right is revoked")


# -- what must hold -----------------------------------------------------------


def messages_of(debtor_id: int) -> list[Message]:
    creditors = [2**40 + i for i in range(MESSAGES_COUNT)]
    made = [configure(debtor_id, creditor_id) for creditor_id in creditors[:8]]
    made += [balance_change(debtor_id, c, 0, 100, change_id=c) for c in creditors[:3]]
    return [*made, prepare(debtor_id, creditors[0], 0, 5, min_locked_amount=0)]


class Watch:
    """The logs from a moment on, and what becomes of legal messages."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.authority = place.authority
        self.debtor_id = next(_debtor_ids)
        self._starts = {name: len(self.log_of(name)) for name in self.authority.services}

    def log_of(self, name: str) -> str:
        return self.authority.log(name)

    def lines(self, name: str) -> list[str]:
        return self.log_of(name)[self._starts[name] :].splitlines()

    def wait_until_waiting(self, name: str, reason: str = "") -> None:
        def is_waiting() -> bool:
            return any(WAITING in line and reason in line for line in self.lines(name))

        wait_until(is_waiting, SECONDS_MAX, f"{name} waits")

    def send(self) -> None:
        for message in messages_of(self.debtor_id):
            self.authority.send(message)

    def status(self) -> int:
        """What the fetch API answers about an account that exists in the end."""
        url = f"{self.authority.web_url}/accounts/{self.debtor_id}/{2**40}/reachable"
        response = requests.get(url, timeout=30)
        assert (response.status_code == 503) == ("Retry-After" in response.headers)
        return response.status_code

    def is_done(self) -> bool:
        query = self.place.database.query
        ((accounts,),) = query("SELECT count(*) FROM account WHERE debtor_id = %s", self.debtor_id)
        ((prepared,),) = query(
            "SELECT count(*) FROM prepared_transfer WHERE debtor_id = %s", self.debtor_id
        )
        # the root account comes with its first transfer, which is not committed
        return (accounts, prepared) == (8, 1) and leftovers(query).keys() == {"prepared_transfer"}

    def check_end(self) -> None:
        """Check that all is done, that nothing was refused or has died, and how much was said."""
        wait_until(self.is_done, SECONDS_MAX, "everything is done")
        wait_until(lambda: self.status() == 204, SECONDS_MAX, "the fetch API answers")
        broker = self.authority.broker
        wait_until(lambda: broker.ready_count(QUEUE) == 0)
        self.authority.check_alive()
        for name in self.authority.services:
            log = self.lines(name)
            assert not any(DEAD_LETTER_QUEUE in line for line in log), log
            assert not any("Traceback" in line or "ERROR" in line for line in log), log
            # several threads of a process may say it
            threads = 2 if name in ("process_transfer_requests", "scan_accounts") else 1
            assert len(log) <= LINES_COUNT_MAX * threads, (name, log)


@pytest.mark.parametrize("fault", list(FAULTS))
def test_fault_is_waited_out(place: Place, fault: str) -> None:
    watch = Watch(place)
    with FAULTS[fault](place):
        watch.send()
        # those whose connections stay have nothing to do, and notice nothing
        for name in ("consume_messages",) if fault in LATENT else SERVICES_THAT_WAIT:
            watch.wait_until_waiting(name)
        wait_until(lambda: watch.status() == 503, SECONDS_MAX, "the fetch API answers 503")
    watch.check_end()


def test_database_that_is_read_only(place: Place) -> None:
    """The fetch API goes on."""
    watch = Watch(place)
    place.administrate("ALTER DATABASE {} SET default_transaction_read_only = on", place.name)
    place.database.drop_connections()
    try:
        watch.send()
        for name in SERVICES_THAT_WAIT:
            watch.wait_until_waiting(name, "session is read-only")
        assert watch.status() == 404
    finally:
        place.administrate("ALTER DATABASE {} RESET ALL", place.name)
    watch.check_end()


def test_limits_of_the_role_are_not_those_of_the_program(place: Place) -> None:
    watch = Watch(place)
    limits = ("statement_timeout", "lock_timeout", "idle_session_timeout")
    for limit in limits:
        place.administrate(f"ALTER ROLE {{}} SET {limit} = '1ms'", place.role)
    place.database.drop_connections()
    try:
        watch.send()
        wait_until(watch.is_done, SECONDS_MAX, "everything is done")
    finally:
        place.administrate("ALTER ROLE {} RESET ALL", place.role)
    watch.check_end()


@pytest.mark.parametrize("condition", ["unique_violation", "numeric_value_out_of_range"])
def test_whoever_refuses_all_is_to_blame(place: Place, condition: str) -> None:
    """A trigger of somebody else raises errors like those that a message can cause."""
    watch = Watch(place)
    tables = (
        "account_key",
        "pending_balance_change",
        "transfer_request",
        "rejected_transfer_signal",
    )
    query = place.database.query
    query(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE {condition}; END $$"
    )
    for table in tables:
        query(f"CREATE TRIGGER refuse BEFORE INSERT ON {table} EXECUTE FUNCTION refuse()")
    try:
        # one after the other, so that none can be compared with others of its batch
        for message in messages_of(watch.debtor_id):
            watch.authority.send(message)
            watch.wait_until_waiting("consume_messages")
    finally:
        for table in tables:
            query(f"DROP TRIGGER refuse ON {table}")
        query("DROP FUNCTION refuse()")
    watch.check_end()
