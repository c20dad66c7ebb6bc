"""Our workers run on while the database is given back: they change nothing, and wait."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from psycopg import sql

from agentkit.authority import SERVICES, Authority
from agentkit.currency import Currency
from agentkit.waiting import wait_until
from swpt_accounts.db.installer import SUBJECTS, read_sql
from swpt_accounts.db.procedures import PROCEDURES
from swpt_accounts.db.schema_discovery import BOOKS, KEPT_BOOKS, TABLES_PATH
from swpt_accounts.outbox.tables import outbox_table
from swpt_accounts.smp.outgoing import SIGNALS
from swpt_accounts.takeover.move_out import MovedOut
from swpt_accounts.takeover.reference_schema import REFERENCE_OUTBOXES
from tests.takeover.giving_back import give_back, reference_rows
from tests.takeover.reference import Place, ReferenceDatabases, move
from verification.kit.servers import subscribe

SECONDS_MAX = 45.0
# Those that have something to do all the time. Nobody posts a chore.
BUSY = SERVICES.keys() - {"consume_chore_messages"}


@pytest.fixture
def place(reference: ReferenceDatabases) -> Place:
    """An empty database, taken over."""
    made = reference.create("no rows")
    move(made)
    return made


@pytest.fixture
def authority(place: Place, broker_url: str, tmp_path: Path) -> Iterator[Authority]:
    """All of our processes, as the role that owns the tables of both programs."""
    looking = f"{place.url}?options=-csearch_path%3D{BOOKS},public"
    settings = {
        "SQLALCHEMY_DATABASE_URI": place.url,
        "APP_PREPARED_TRANSFERS_SCAN_DAYS": "0.00001",
        "APP_REGISTERED_BALANCE_CHANGES_SCAN_DAYS": "0.00001",
    }
    made = Authority(looking, broker_url, tmp_path, settings)
    subscribe(made)
    made.observe()
    made.start()
    yield made
    made.close()


def waits_for_procedures(authority: Authority, name: str) -> bool:
    """Whether a service has noticed."""
    return "does not have the stored procedures" in authority.log(name)


def test_they_wait_and_go_on_after_the_next_way_in(authority: Authority, place: Place) -> None:
    currency = Currency(authority)
    currency.open_root()
    sender, recipient = currency.open_account(1000), currency.open_account()
    prepared = currency.prepare(sender, recipient, 400)

    moved: list[MovedOut | None] = []
    # (a message that comes twice may be among them)
    moving = threading.Thread(target=lambda: moved.append(give_back(place, accept_loss=True)))
    moving.start()
    while moving.is_alive():
        currency.ask(sender, recipient, 1)
        moving.join(0.01)
    assert moved != [None]
    left = reference_rows(place)
    request = currency.ask(sender, recipient, 77)
    wait_until(
        lambda: all(waits_for_procedures(authority, name) for name in BUSY),
        SECONDS_MAX,
        "all services wait",
    )
    # (to be finalized by the reference, if it were there)
    assert len(left["account"]) == 3
    assert reference_rows(place) == left
    answer = requests.get(
        f"{authority.web_url}/accounts/{currency.debtor_id}/{sender}/reachable", timeout=10
    )
    assert answer.status_code == 503
    authority.check_alive()

    move(place)
    answered = currency.answer("PreparedTransfer", request)
    assert answered["locked_amount"] == 77
    assert currency.finalize(prepared, 400)["status_code"] == "OK"
    currency.observer.wait_for(
        lambda _: currency.principal(recipient) == 400, SECONDS_MAX, "the amount has arrived"
    )
    authority.check_alive()


# Each statement

_CLASS_42 = tuple(
    error
    for error in vars(psycopg.errors).values()
    if isinstance(error, type)
    and issubclass(error, psycopg.Error)
    and (error.sqlstate or "").startswith("42")
)

NOW = datetime.now(UTC)
T0 = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def left(reference: ReferenceDatabases) -> Iterator[tuple[Place, psycopg.Connection[Any]]]:
    """A database that was given back, with a session that has all of our procedures, still.

    As it is for whoever was in the middle of a call.
    """
    place = reference.create("public")
    move(place)
    with place.session() as session:
        session.execute("CREATE SCHEMA still_there")
        session.execute(f"SET search_path = still_there, {TABLES_PATH}".encode())
        session.execute("SET check_function_bodies = off")
        for subject in SUBJECTS:
            session.execute(read_sql(subject).encode())
        give_back(place)
        yield place, session


def sample(sql_type: str, name: str, key: dict[str, Any]) -> Any:
    """An argument that would have an effect on our tables."""
    if sql_type.endswith("[]"):
        return [sample(sql_type.removesuffix("[]"), name, key)]
    values: dict[str, Any] = {
        "bigint": key.get(name, {"first_page": 0, "after_id": -1}.get(name, 10)),
        "integer": {"realm_bits": 1, "realm_length": 1, "count_max": 1000}.get(name, 3),
        "text": "direct",
        "bytea": b"\x01" * 32,
        "boolean": True,
        "double precision": 1.0,
        # (what is applied, and older than a threshold, the reference forgets, too)
        "timestamptz": T0 if name in ("threshold_ts", "told_until") else NOW + timedelta(days=1),
        "interval": timedelta(0),
        "regclass": "prepared_transfer_signal",
    }
    return values[sql_type]


def some_keys(place: Place) -> list[dict[str, Any]]:
    """What rows of the tables are known by."""
    found = []
    for table, columns in (
        ("account", "debtor_id, creditor_id"),
        ("prepared_transfer", "debtor_id, sender_creditor_id AS creditor_id, transfer_id"),
        ("registered_balance_change", "debtor_id, other_creditor_id, change_id"),
    ):
        with place.session() as session:
            cursor = session.execute(f"SELECT {columns} FROM {table} LIMIT 2".encode())
            assert cursor.description is not None
            names = [column.name for column in cursor.description]
            found += [dict(zip(names, row, strict=True)) for row in cursor]
    return found


def test_no_procedure_changes_the_tables_of_the_reference(
    left: tuple[Place, psycopg.Connection[Any]],
) -> None:
    place, session = left
    before = reference_rows(place)
    keys = some_keys(place)
    for procedure in PROCEDURES:
        for key in keys:
            arguments = {name: sample(t, name, key) for name, t in procedure.parameters.items()}
            # undefined tables, columns, functions; or what does not fit together
            with suppress(*_CLASS_42):
                session.execute(procedure.statement, arguments)
        assert reference_rows(place) == before, procedure.name


def test_no_statement_of_a_flusher_changes_an_outbox_of_the_reference(
    left: tuple[Place, psycopg.Connection[Any]],
) -> None:
    place, session = left
    before = reference_rows(place)
    for name in SIGNALS:
        outbox = outbox_table(name, place.settings())
        assert outbox.table in REFERENCE_OUTBOXES
        with pytest.raises(psycopg.errors.UndefinedColumn):
            session.execute(outbox.take_query, {"after_id": -1, "count_max": 10})
    assert reference_rows(place) == before


def test_whoever_waits_for_our_tables_is_ended(place: Place) -> None:
    """In the middle of a call it would go on, and find other tables of the same names."""
    path = sql.SQL(f"SET search_path = {TABLES_PATH}")
    with place.session() as holder, place.session() as waiting:
        waiting.execute(path)
        holder.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(BOOKS)))
        caught: list[psycopg.Error] = []

        def wait() -> None:
            try:
                waiting.execute("SELECT count(*) FROM account")
            except psycopg.Error as error:
                caught.append(error)

        thread = threading.Thread(target=wait)

        class Watching:
            """Lets somebody come while the tables are locked."""

            def begin(self, what: str, total: int) -> None:
                if what == "pages of tables to copy":
                    thread.start()
                    wait_until(self.somebody_waits, SECONDS_MAX, "somebody waits")

            def somebody_waits(self) -> bool:
                rows = holder.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
                return rows.fetchone() != (0,)

            def note(self, done: int, item: str = "") -> None: ...

            def end(self) -> None: ...

        give_back(place, Watching())
        thread.join(SECONDS_MAX)
        (error,) = caught
        assert isinstance(error, psycopg.errors.AdminShutdown)
    assert place.query(f"SELECT to_regclass('{KEPT_BOOKS}.account') IS NULL") == [(False,)]
