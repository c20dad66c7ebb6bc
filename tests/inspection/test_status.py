"""What the status of a shard learns from its database."""

from datetime import timedelta

import psycopg
import pytest

from agentkit.database import dsn_of
from agentkit.waiting import wait_until
from swpt_accounts.db import sessions
from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.db.procedures import NOTE_SCAN_PASS
from swpt_accounts.inspection.status import database
from swpt_accounts.inspection.status.database import (
    count_dealt_with,
    open_database,
    read_database,
)
from swpt_accounts.inspection.status.model import AccountsSample, DatabaseState, ScanState
from swpt_accounts.settings import Settings, load_settings
from verification.kit.shard import Shard
from verification.model import builders
from verification.model.builders import NOW, ROOT


def read(shard: Shard) -> DatabaseState:
    """In the session of the test, whose clock is set."""
    return read_database(shard.connection, shard.settings)


def test_an_empty_database(shard: Shard) -> None:
    state = read(shard)
    assert state.taken_at == NOW
    assert not state.is_replica
    assert {row.rows_count for row in state.backlog} == {0}
    assert {row.table_name for row in state.backlog} == state.counts.keys()
    assert (state.returned_lines_count, state.dealt_with_count) == (0, 0)
    assert state.accounts == AccountsSample(0, 0)


def test_it_reads_only(settings: Settings) -> None:
    connection = open_database(settings)
    try:
        with (
            pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
            connection.raw.transaction(),
        ):
            connection.raw.execute("DELETE FROM root_config")
        assert read_database(connection, settings).backlog
    finally:
        connection.close()


def test_workers_of_another_role_are_seen(shard: Shard, database_url: str) -> None:
    """The role that owns nothing sees that they are there, and no more."""
    owner = load_settings({"SQLALCHEMY_DATABASE_URI": database_url})
    same, other = connect(shard.settings, "flush_messages"), connect(owner, "scan_accounts")
    try:
        found = {worker.name: worker for worker in read(shard).workers}
        assert found["flush_messages"].sessions_count == 1
        assert found["flush_messages"].quiet_seconds is not None
        assert found["scan_accounts"].sessions_count == 1
        assert found["scan_accounts"].quiet_seconds is None
    finally:
        other.close()
        same.close()


def test_sessions_that_nobody_uses_and_what_others_wait_for(
    shard: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "FROZEN_SECONDS", 0.1)
    frozen, waiting = (connect(shard.settings, name) for name in ("scan_accounts", "scan_more"))
    try:
        waiting.note_wait("the broker")

        def found() -> dict[str, sessions.WorkerSessions]:
            shard.connection.raw.execute("SELECT pg_stat_clear_snapshot()")
            return {worker.name: worker for worker in read(shard).workers}

        wait_until(lambda: found()["scan_accounts"].frozen_count == 1)
        assert (found()["scan_more"].wait, found()["scan_accounts"].wait) == (
            "waiting for the broker",
            "",
        )
        waiting.note_wait("")
        wait_until(lambda: found()["scan_more"].wait == "")
    finally:
        frozen.close()
        waiting.close()


def test_how_far_the_scans_are(shard: Shard) -> None:
    def note(seconds: float, done_count: int, pages_count: int = 200) -> ScanState:
        shard.connection.call(
            NOTE_SCAN_PASS,
            scan="scan_of_a_test",
            seconds=seconds,
            done_count=done_count,
            pages_count=pages_count,
            pass_seconds=3600,
            late_seconds=0.5,
        )
        return next(scan for scan in read(shard).scans if scan.name == "scan_of_a_test")

    scan = note(90, 50)
    assert scan == ScanState("scan_of_a_test", 50, 200, 3600, 0.5, 90, 0, None)
    assert scan.done_ratio == 0.25
    assert note(3600, 200).completed_seconds == 0
    shard.set_now(NOW + timedelta(seconds=7))
    scan = note(7, 1)
    assert (scan.began_seconds, scan.completed_seconds, scan.done_count) == (7, 7, 1)
    scan = note(1, 0, pages_count=0)
    assert (scan.done_ratio, scan.completed_seconds) == (1, 0)


def test_accounts_that_the_scan_has_not_visited(shard: Shard) -> None:
    for i in range(4):
        shard.receive(builders.configure_account(ROOT + 1 + i))
    assert read(shard).accounts == AccountsSample(4, 0)
    late = 2 * timedelta(hours=shard.settings.app_accounts_scan_hours)
    shard.connection.raw.execute(
        "UPDATE account SET pending_account_update = true, last_change_ts = %s,"
        " last_heartbeat_ts = %s WHERE creditor_id = %s",
        [NOW - late - timedelta(hours=1), NOW - late - timedelta(hours=1), ROOT + 1],
    )
    shard.connection.raw.execute(
        "UPDATE account SET last_heartbeat_ts = '1970-01-02' WHERE creditor_id = %s", [ROOT + 2]
    )
    assert read(shard).accounts == AccountsSample(4, 2)


def test_a_session_with_a_long_transaction(
    shard: Shard, worker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LONG_TRANSACTION_SECONDS", 0.1)
    with psycopg.connect(dsn_of(worker_url), application_name="somebody's psql") as other:
        other.execute("SELECT 1")
        wait_until(lambda: bool(read(shard).long_transactions))
        (found,) = read(shard).long_transactions
        assert (found.pid, found.program) == (other.info.backend_pid, "somebody's psql")
        assert found.seconds > 0.1


def test_a_session_that_waits_for_a_lock(
    shard: Shard, settings: Settings, connection: DatabaseConnection
) -> None:
    shard.receive(builders.configure_account(ROOT + 1))
    waiter = connect(settings, "process_transfer_requests")
    try:
        with connection.raw.transaction():
            connection.raw.execute("SELECT FROM account FOR UPDATE")
            waiter.raw.pgconn.send_query(b"SELECT FROM account FOR UPDATE")

            def lock_waits() -> dict[str, int]:
                connection.raw.execute("SELECT pg_stat_clear_snapshot()")
                return {w.name: w.lock_waits_count for w in read(shard).workers}

            wait_until(lambda: lock_waits().get("process_transfer_requests") == 1)
    finally:
        waiter.close()


def test_messages_that_the_broker_does_not_take(shard: Shard) -> None:
    for i in range(7):
        shard.connection.raw.execute(
            "INSERT INTO returned_line"
            " (signal_name, destination, attempts_count, pause_seconds, next_attempt_at)"
            " VALUES ('AccountUpdateSignal', %s, 1, %s, current_ts())",
            [f"to_creditors {i}", 0 if i == 6 else 4],
        )
    state = read(shard)
    assert state.returned_lines_count == 6
    assert len(state.returned_lines) == 5
    assert {line.signal_name for line in state.returned_lines} == {"AccountUpdateSignal"}


def test_dead_letters_that_were_dealt_with(shard: Shard) -> None:
    queue = f"{shard.settings.protocol_broker_queue}.XQ"
    rows = [(queue, "replayed"), (queue, "discarded"), (queue, "replaying"), ("other", "replayed")]
    for offset, row in enumerate(rows):
        shard.connection.raw.execute(
            "INSERT INTO dead_letter_dealt_with (queue, state, stream_offset, digest, changed_at)"
            " VALUES (%s, %s, %s, '', current_ts())",
            [*row, offset],
        )
    assert [count_dealt_with(shard.connection, queue, n) for n in (0, 1, 2)] == [2, 1, 0]


def test_rows_that_have_come_and_gone(shard: Shard) -> None:
    before = read(shard).counts["transfer_request"]
    shard.receive(*[builders.prepare_transfer(ROOT + 1, ROOT, i) for i in range(1, 4)])
    shard.connection.raw.execute("DELETE FROM transfer_request")
    shard.connection.raw.execute("SELECT pg_stat_force_next_flush()")
    wait_until(lambda: read(shard).counts["transfer_request"].deleted - before.deleted == 3)
    assert read(shard).counts["transfer_request"].inserted - before.inserted == 3
