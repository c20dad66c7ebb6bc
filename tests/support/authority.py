"""A whole authority: the real processes, on a database and a virtual host of their own."""

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from hashlib import md5
from pathlib import Path
from typing import Any

import psycopg
import psycopg.sql
import pytest
import requests
from sqlalchemy.engine import make_url

from scripts.settings_reference import settings_reference
from swpt_accounts.broker import topology
from tests.support.broker import Broker, Observer, wait_until

ROOT = Path(__file__).parents[2]
QUEUE = "swpt_accounts"
CHORES_QUEUE = "swpt_accounts_chores"
DEAD_LETTER_QUEUE = f"{QUEUE}.XQ"
READY_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 5.0
_LOG_LENGTH_SHOWN = 3000

# The commands, and the connection to the database by which one sees that the command runs.
SERVICES: dict[str, tuple[str, ...]] = {
    "consume_messages": (),
    "consume_chore_messages": ("consume_chore_messages",),
    "process_transfer_requests": ("process_transfer_requests", "verify_recipients"),
    "process_finalization_requests": ("process_finalization_requests",),
    "process_balance_changes": ("process_balance_changes",),
    "flush_messages": ("flush_messages",),
    "scan_accounts": ("scan_accounts",),
    "scan_prepared_transfers": ("scan_prepared_transfers",),
    "scan_registered_balance_changes": ("scan_registered_balance_changes",),
}
WEBSERVER = "webserver"

_running: list["Authority"] = []


def clean_environment() -> dict[str, str]:
    """The environment of this process without the settings of an authority.

    A developer's .env is none of a test's business; Flask would remark on it, too.
    """
    names = {doc.name for doc in settings_reference()}
    rest = {k: v for k, v in os.environ.items() if k not in names}
    return {**rest, "FLASK_SKIP_DOTENV": "1"}


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def flask_command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "flask", "--app", "swpt_accounts", "swpt_accounts", *arguments]


class Service:
    """A process with its log."""

    def __init__(self, name: str, command: list[str], log_path: Path) -> None:
        self.name = name
        self.command = command
        self.log_path = log_path
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, environment: Mapping[str, str]) -> None:
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def kill(self) -> None:
        """End the process and its children at once."""
        if self.process is not None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()

    def terminate(self) -> tuple[int, float]:
        """Ask the process to stop. Returns its exit code, and how many seconds it took."""
        assert self.process is not None
        started_at = time.monotonic()
        self.process.terminate()
        try:
            code = self.process.wait(STOP_SECONDS_MAX * 4)
        finally:
            self.kill()
        return code, time.monotonic() - started_at


class Authority:
    """Starts, stops and kills the processes of an authority, and talks to them."""

    def __init__(
        self,
        database_url: str,
        broker_url: str,
        folder: Path,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.database_url = database_url
        self.broker_url = broker_url
        self.port = free_port()
        self.web_url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **clean_environment(),
            "PYTHONUNBUFFERED": "1",
            "SQLALCHEMY_DATABASE_URI": database_url,
            "PROTOCOL_BROKER_URL": broker_url,
            "CHORES_BROKER_URL": broker_url,
            "FETCH_API_URL": self.web_url,
            **(settings or {}),
        }
        self.services = {
            name: Service(name, flask_command(name), folder / f"{name}.log") for name in SERVICES
        }
        self.services[WEBSERVER] = Service(
            WEBSERVER,
            [
                *(sys.executable, "-m", "gunicorn", "--no-control-socket"),
                *("--bind", f"127.0.0.1:{self.port}", "--threads", "3"),
                *("--log-level", "warning", "wsgi:app"),
            ],
            folder / f"{WEBSERVER}.log",
        )
        self.broker = Broker(broker_url)
        self.observer: Observer | None = None
        self._wanted: set[str] = set()
        _running.append(self)

    # -- processes ----------------------------------------------------------

    def subscribe(self) -> None:
        """Declare the exchanges and queues."""
        key = self.environment.get("PROTOCOL_BROKER_QUEUE_ROUTING_KEY", "#")
        topology.subscribe(self.broker_url, QUEUE, key)
        topology.create_chores_queue(self.broker_url, CHORES_QUEUE)

    def observe(self) -> Observer:
        """Receive all outgoing messages from now on."""
        assert self.observer is None
        self.observer = Observer(self.broker_url)
        return self.observer

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end. Its output is in `stdout`."""
        return subprocess.run(
            flask_command(*arguments),
            cwd=ROOT,
            env={**self.environment, **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )

    def start(self, *names: str) -> None:
        """Start services (all of them, if none is named), and wait until they are at work."""
        wanted = names or tuple(self.services)
        for name in wanted:
            self.services[name].start(self.environment)
        self._wanted.update(wanted)
        self.wait_ready(wanted)

    def wait_ready(self, names: Iterable[str] | None = None) -> None:
        """Wait until services (all that were started, if none is named) are at work."""
        for name in self._wanted if names is None else names:
            wait_until(lambda n=name: self._is_ready(n), READY_SECONDS_MAX, f"{name} is ready")

    def _is_ready(self, name: str) -> bool:
        service = self.services[name]
        assert service.is_alive(), f"{name} has ended:\n{service.log}"
        if name == WEBSERVER:
            return self._is_web_ready()
        if name == "consume_messages":
            return self.broker.consumers_count(QUEUE) > 0
        if name == "consume_chore_messages" and not self.broker.consumers_count(CHORES_QUEUE):
            return False
        return self.connections_of(*SERVICES[name])

    def _is_web_ready(self) -> bool:
        try:
            return requests.get(f"{self.web_url}/accounts/healthz", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def connections_of(self, *names: str) -> bool:
        """Whether each of these workers has a connection to the database."""
        (count,) = self.query(
            "SELECT count(DISTINCT application_name) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = ANY (%s)",
            [f"swpt_accounts {name}" for name in names],
        )[0]
        return bool(count == len(names))

    def kill(self, *names: str) -> None:
        """Kill services (all that were started, if none is named) without a warning."""
        for name in names or tuple(self._wanted):
            self.services[name].kill()

    def revive(self) -> list[str]:
        """Start again what has ended, like a supervisor does. Returns the names."""
        ended = [n for n in sorted(self._wanted) if not self.services[n].is_alive()]
        for name in ended:
            self.services[name].kill()
            self.services[name].start(self.environment)
        return ended

    def terminate(self, name: str) -> tuple[int, float]:
        """Ask a service to stop. Returns its exit code, and how many seconds it took."""
        self._wanted.discard(name)
        return self.services[name].terminate()

    def stop(self) -> None:
        """Stop everything that runs."""
        for service in self.services.values():
            if service.process is not None and service.is_alive():
                service.process.terminate()
        end = time.monotonic() + STOP_SECONDS_MAX
        for service in self.services.values():
            if service.process is not None:
                try:
                    service.process.wait(max(end - time.monotonic(), 0.01))
                except subprocess.TimeoutExpired:
                    pass
                service.kill()
        self._wanted.clear()

    def close(self) -> None:
        """Stop everything, and disconnect."""
        self.stop()
        if self.observer is not None:
            self.observer.close()
        self.broker.close()
        _running.remove(self)

    def log(self, name: str) -> str:
        """What a service has logged."""
        return self.services[name].log

    # -- database -----------------------------------------------------------

    def query(self, statement: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """Run a statement on the database of the authority. Returns its rows."""
        url = make_url(self.database_url).set(drivername="postgresql")
        dsn = url.render_as_string(hide_password=False)
        with psycopg.connect(dsn, autocommit=True, application_name="tests") as connection:
            cursor = connection.execute(statement, arguments or None)
            return cursor.fetchall() if cursor.description else []

    def _administrate(self, statement: str) -> None:
        """Run a statement about the database, without a connection to it."""
        name = make_url(self.database_url).database
        assert name is not None
        url = make_url(os.environ["TEST_POSTGRES_URL"]).set(drivername="postgresql")
        dsn = url.render_as_string(hide_password=False)
        with psycopg.connect(dsn, autocommit=True) as connection:
            identifier = psycopg.sql.Identifier(name)
            literal = psycopg.sql.Literal(name)
            connection.execute(psycopg.sql.SQL(statement).format(name=identifier, text=literal))

    def drop_database_connections(self) -> None:
        """Terminate all connections to the database; new ones can be made."""
        self._administrate(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {text}"
        )

    def cut_database(self) -> None:
        """Make the database unreachable."""
        self._administrate("ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        self.drop_database_connections()

    def restore_database(self) -> None:
        """Make the database reachable again."""
        self._administrate("ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    # -- agents -------------------------------------------------------------

    def send(self, message: Mapping[str, Any]) -> None:
        """Publish an incoming message."""
        self.send_raw(
            json.dumps(message, ensure_ascii=False).encode(),
            type=message["type"],
            routing_key=accounts_in_key(message["debtor_id"], message["creditor_id"]),
        )

    def send_raw(self, body: bytes, routing_key: str = "0.1", **properties: Any) -> None:
        """Publish any bytes to the authority."""
        self.broker.publish(
            "accounts_in", routing_key, body, **{"content_type": "application/json", **properties}
        )


# -- messages of agents ------------------------------------------------------


def accounts_in_key(debtor_id: int, creditor_id: int) -> str:
    """The routing key of messages for an account."""
    ids = debtor_id.to_bytes(8, "big", signed=True) + creditor_id.to_bytes(8, "big", signed=True)
    digest = md5(ids, usedforsecurity=False).digest()
    return ".".join(f"{int.from_bytes(digest[:3], 'big'):024b}")


def now_text() -> str:
    """This moment, as it is written in messages."""
    return datetime.now(UTC).isoformat()


_seqnums = itertools.count(1)
_request_ids = itertools.count(1)


def configure(debtor_id: int, creditor_id: int, /, **changes: Any) -> dict[str, Any]:
    """A ConfigureAccount. It is later than all those before."""
    return {
        "type": "ConfigureAccount",
        "debtor_id": debtor_id,
        "creditor_id": creditor_id,
        "negligible_amount": 0.0,
        "config_flags": 0,
        "config_data": "",
        "ts": now_text(),
        "seqnum": next(_seqnums),
        **changes,
    }


def configure_root(debtor_id: int, /, **changes: Any) -> dict[str, Any]:
    """The ConfigureAccount that lets a debtor issue money without limit."""
    return configure(debtor_id, 0, **{"negligible_amount": 1e30, **changes})


def prepare(
    debtor_id: int, creditor_id: int, recipient: int, amount: int, /, **changes: Any
) -> dict[str, Any]:
    """A PrepareTransfer that locks the whole amount, with a new request id."""
    is_root = creditor_id == 0
    return {
        "type": "PrepareTransfer",
        "debtor_id": debtor_id,
        "creditor_id": creditor_id,
        "coordinator_type": "issuing" if is_root else "direct",
        "coordinator_id": debtor_id if is_root else creditor_id,
        "coordinator_request_id": next(_request_ids),
        "min_locked_amount": amount,
        "max_locked_amount": amount,
        "recipient": str(recipient % 2**64),
        "final_interest_rate_ts": "9999-12-31T23:59:59+00:00",
        "max_commit_delay": 2**31 - 1,
        "ts": now_text(),
        **changes,
    }


def finalize(prepared: Mapping[str, Any], amount: int, /, **changes: Any) -> dict[str, Any]:
    """The FinalizeTransfer for a PreparedTransfer; the amount 0 dismisses it."""
    return {
        "type": "FinalizeTransfer",
        **{
            name: prepared[name]
            for name in (
                "debtor_id",
                "creditor_id",
                "transfer_id",
                "coordinator_type",
                "coordinator_id",
                "coordinator_request_id",
            )
        },
        "committed_amount": amount,
        "transfer_note": "",
        "transfer_note_format": "",
        "ts": now_text(),
        **changes,
    }


# -- fixtures ----------------------------------------------------------------


@pytest.fixture(scope="module")
def authority_settings() -> dict[str, str]:
    """The settings of the module's authority, beside its addresses. Modules override it."""
    return {}


@pytest.fixture(scope="module")
def idle_authority(
    database_url: str,
    broker_url: str,
    authority_settings: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Authority]:
    """An authority whose queues are declared, and none of whose services run."""
    folder = tmp_path_factory.mktemp("authority")
    made = Authority(database_url, broker_url, folder, authority_settings)
    try:
        made.subscribe()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def authority(idle_authority: Authority) -> Authority:
    """An authority at work, all of whose outgoing messages are observed."""
    idle_authority.observe()
    idle_authority.start()
    return idle_authority


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the logs of the authorities that run when a test fails."""
    report = yield
    if report.failed:
        for made in _running:
            for service in made.services.values():
                if log := service.log[-_LOG_LENGTH_SHOWN:]:
                    report.sections.append((f"log of {service.name}", log))
    return report
