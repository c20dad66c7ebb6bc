"""Passes over a table, whatever happens to the database in the middle of one."""

import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime

import psycopg
import pytest

from agentkit.processes import free_port
from agentkit.waiting import wait_until
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.procedures import TABLE_PAGES
from swpt_accounts.observability.metrics.definitions import ACCOUNTS, Metric
from swpt_accounts.scans import accounts
from swpt_accounts.scans.accounts import AccountsScan
from swpt_accounts.scans.pass_schedule import PassSchedule, Step
from swpt_accounts.scans.worker import ScanWorker
from swpt_accounts.settings import Settings, load_settings
from swpt_accounts.workers.runner import STOP_SECONDS_MAX
from swpt_accounts.workers.shutdown import ShutdownEvent
from verification.kit.shard import Shard
from verification.model import builders

TABLE = "registered_balance_change"
CALLS_COUNT_MAX = 300
ACCOUNTS_COUNT = 400

Fault = Callable[["RecordingScan", DatabaseConnection, Step], None]


class RecordingScan(ScanWorker):
    """Notes the pages that it visits. Gives up after many calls."""

    def __init__(self, settings: Settings, fault: Fault) -> None:
        pace = PassSchedule(pass_seconds=0.1, blocks_per_query_max=7, beat_seconds=0.01)
        super().__init__(settings, ShutdownEvent(), "test", TABLE, pace, quit_early=True)
        self._fault = fault
        self.calls_count = 0
        self.pages: list[int] = []

    def scan(self, connection: DatabaseConnection, step: Step) -> None:
        self.calls_count += 1
        if self.calls_count > CALLS_COUNT_MAX:
            self.shutdown.request()
        self._fault(self, connection, step)
        self.pages += range(step.first_page, step.end_page)


@pytest.fixture
def pages_count(connection: DatabaseConnection) -> int:
    connection.raw.execute(f"DELETE FROM {TABLE}")
    connection.raw.execute(
        f"INSERT INTO {TABLE} (debtor_id, other_creditor_id, change_id, committed_at)"
        " SELECT 1, 1, i, now() FROM generate_series(1, 20000) AS i"
    )
    count: int = connection.call_value(TABLE_PAGES, table=TABLE)
    assert count > 100
    return count


def test_each_page_comes_once_however_often_the_connection_is_lost(
    settings: Settings, pages_count: int, connection: DatabaseConnection
) -> None:
    def lose_connection(scan: RecordingScan, connection: DatabaseConnection, _step: Step) -> None:
        if scan.calls_count % 3 == 0:
            connection.raw.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    scan = RecordingScan(settings, lose_connection)
    scan.run()
    assert not scan.shutdown.is_requested(), "the pass came to its end"
    assert sorted(scan.pages) == list(range(pages_count))
    noted = connection.raw.execute(
        "SELECT done_count, pages_count, completed_at > now() - interval '1 minute' FROM scan_pass"
        " WHERE scan = 'test'"
    ).fetchall()
    assert noted == [(pages_count, pages_count, True)], "it is noted, too, that it is complete"


@pytest.mark.parametrize(
    ("error", "is_of_pages"),
    [
        (psycopg.errors.NumericValueOutOfRange, True),
        (psycopg.errors.DataCorrupted, True),
        (psycopg.errors.QueryCanceled, True),
        (psycopg.errors.InsufficientPrivilege, False),
        (psycopg.errors.ReadOnlySqlTransaction, False),
        (psycopg.errors.DiskFull, False),
    ],
)
def test_pages_that_cannot_be_processed_are_left_to_the_next_pass(
    settings: Settings,
    pages_count: int,
    caplog: pytest.LogCaptureFixture,
    error: type[psycopg.Error],
    is_of_pages: bool,
) -> None:
    """What concerns all pages, as a full disk, is waited out instead."""

    def refuse_some(scan: RecordingScan, _connection: DatabaseConnection, step: Step) -> None:
        if step.first_page <= 50 < step.end_page and (is_of_pages or len(failures) < 5):
            failures.append(step)
            raise error

    failures: list[Step] = []
    scan = RecordingScan(settings, refuse_some)
    scan.run()
    step = failures[0]
    assert len(failures) == (3 if is_of_pages else 5)
    left = range(step.first_page, step.end_page) if is_of_pages else range(0)
    assert sorted([*scan.pages, *left]) == list(range(pages_count))
    lines = [r.message for r in caplog.records if r.levelname == "ERROR"]
    assert len(lines) == is_of_pages
    pages = f"pages {step.first_page} to {step.end_page - 1} of table {TABLE}"
    assert all(pages in line for line in lines)


def test_accounts_on_pages_that_cannot_be_processed_are_counted_once(
    database_url: str,
    shard: Shard,
    as_owner: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each step fails several times, and is skipped."""
    exported: dict[tuple[object, ...], float] = {}

    def export(metric: Metric, value: float, *labels: str) -> None:
        exported[metric, *labels] = value

    monkeypatch.setattr(accounts, "is_on", lambda: True)
    monkeypatch.setattr(accounts, "set_value", export)
    settings = load_settings(
        {
            "SQLALCHEMY_DATABASE_URI": database_url,
            "APP_ACCOUNTS_SCAN_BEAT_MILLISECS": "500",  # two steps
            "APP_ACCOUNTS_SCAN_HOURS": str(1 / 3600),
        }
    )
    open_accounts_with_chores(shard)
    as_owner("ALTER TABLE account_update_signal ADD CONSTRAINT wrong CHECK (false) NOT VALID")
    try:
        AccountsScan(settings, ShutdownEvent(), quit_early=True).run()
    finally:
        as_owner("ALTER TABLE account_update_signal DROP CONSTRAINT wrong")
    assert exported[ACCOUNTS, "normal"] == ACCOUNTS_COUNT
    assert shard.rows("account_update_signal") == []


@pytest.mark.parametrize("is_silent", [False, True], ids=["refuses", "silent"])
def test_without_a_chores_broker_only_chores_wait(
    database_url: str, shard: Shard, caplog: pytest.LogCaptureFixture, is_silent: bool
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        if not is_silent:
            server.close()
        port = server.getsockname()[1] if is_silent else free_port()
        settings = load_settings(
            {
                "SQLALCHEMY_DATABASE_URI": database_url,
                "CHORES_BROKER_URL": f"amqp://guest:guest@127.0.0.1:{port}",
                "APP_ACCOUNTS_SCAN_BLOCKS_PER_QUERY": "1",
                "APP_ACCOUNTS_SCAN_BEAT_MILLISECS": "25",
                "APP_ACCOUNTS_SCAN_HOURS": str(1 / 3600),
            }
        )
        open_accounts_with_chores(shard)
        shutdown = ShutdownEvent()
        scan = AccountsScan(settings, shutdown)
        thread = threading.Thread(target=scan.run)
        thread.start()
        try:
            for _ in range(3):
                # the heartbeats of a pass come with it, and so do those of the next one
                wait_until(lambda: len(shard.rows("account_update_signal")) == ACCOUNTS_COUNT)
                shard.connection.raw.execute("DELETE FROM account_update_signal")
                shard.connection.raw.execute("UPDATE account SET last_heartbeat_ts = '2020-01-01'")
        finally:
            shutdown.request()
            thread.join(STOP_SECONDS_MAX)
        assert not thread.is_alive(), "it has not stopped in time"
    assert len([r for r in caplog.records if "cannot post chores" in r.message]) <= 1
    assert not [r for r in caplog.records if "Retrying" in r.message]


def open_accounts_with_chores(shard: Shard) -> None:
    """Accounts that are due for a heartbeat, and ask for their deletion."""
    ts = datetime.now(UTC)
    shard.set_now(None)
    shard.receive(
        *[
            builders.configure_account(creditor_id, ts, config_flags=1)
            for creditor_id in range(2**40, 2**40 + ACCOUNTS_COUNT)
        ]
    )
    shard.take_messages()
    shard.connection.raw.execute("UPDATE account SET last_heartbeat_ts = '2020-01-01'")
