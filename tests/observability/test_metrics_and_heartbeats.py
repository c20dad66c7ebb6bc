"""What sessions say about themselves: that they listen, wait for locks, and what they found."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from time import monotonic

import psycopg
import pytest

from agentkit.waiting import wait_until
from swpt_accounts.core.realm import Realm
from swpt_accounts.db import connection as db_connection
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.procedures import ADD_UP_ACCOUNTS
from swpt_accounts.inspection.exporter.pollers import read_values
from swpt_accounts.observability import heartbeat, liveness
from swpt_accounts.observability.heartbeat import HeartbeatFile
from swpt_accounts.observability.liveness import degraded_loops, living_processes, stuck_loops
from swpt_accounts.observability.metrics import definitions as m
from swpt_accounts.observability.state_dir import open_folder, take_slot
from swpt_accounts.settings import Settings
from swpt_accounts.stages.worker import (
    BALANCE_CHANGES,
    FINALIZATION_REQUESTS,
    TRANSFER_REQUESTS,
)
from swpt_accounts.workers.database_worker import DatabaseWorker
from swpt_accounts.workers.shutdown import ShutdownEvent
from verification.kit.shard import Shard
from verification.model import builders
from verification.model.books import open_books, prepare
from verification.model.builders import NOW


class ListeningWorker(DatabaseWorker):
    """Hears the wake-ups of a topic; its first session stops to listen."""

    def __init__(self, settings: Settings, shutdown: ShutdownEvent) -> None:
        super().__init__(settings, shutdown, "listener", ("SomeTopic",))
        self.heard: list[set[str]] = []
        self.sessions_count = 0

    def work(self, connection: DatabaseConnection) -> None:
        self.sessions_count += 1
        if self.sessions_count == 1:
            connection.raw.execute("UNLISTEN *")
        while not self.shutdown.is_requested():
            if heard := connection.wait(0.1, self.shutdown):
                self.heard.append(heard)


@pytest.fixture
def shutdown() -> Iterator[ShutdownEvent]:
    made = ShutdownEvent()
    yield made
    made.request()


@pytest.fixture
def run(shutdown: ShutdownEvent) -> Iterator[Callable[[Callable[[], None]], None]]:
    """Runs a function in a thread, which ends with the stop."""
    threads: list[threading.Thread] = []

    def begin(function: Callable[[], None]) -> None:
        threads.append(threading.Thread(target=function, daemon=True))
        threads[-1].start()

    yield begin
    shutdown.request()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def test_a_session_that_does_not_listen_is_made_anew(
    settings: Settings,
    shutdown: ShutdownEvent,
    run: Callable[[Callable[[], None]], None],
    connection: DatabaseConnection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(db_connection, "LISTENING_SECONDS", 0.2)
    worker = ListeningWorker(settings, shutdown)
    run(worker.run)
    wait_until(lambda: worker.sessions_count == 2, 60, "it has connected anew")

    def is_heard() -> bool:
        connection.raw.execute('NOTIFY "SomeTopic"')
        return worker.heard == [{"SomeTopic"}] or len(worker.heard) > 1

    wait_until(is_heard, 60, "it hears again")
    assert worker.sessions_count == 2


def test_the_topic_that_is_lost_is_named(
    connection: DatabaseConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection.listen(["One", "Two"])
    monkeypatch.setattr(db_connection, "LISTENING_SECONDS", 0.0)
    connection.wait(0)
    connection.raw.execute('UNLISTEN "One"')
    with pytest.raises(psycopg.OperationalError, match="does not listen to One any more"):
        connection.wait(0)


def test_who_waits_for_a_lock_rightly_waits(
    shard: Shard,
    settings: Settings,
    run: Callable[[Callable[[], None]], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state_dir = str(tmp_path / "state")
    slot = take_slot(open_folder(state_dir, "processes"))
    heartbeat_file = HeartbeatFile(slot, "process_balance_changes")

    def wait_for_lock() -> None:
        made = heartbeat_file.begin("stage")
        assert made is not None
        made.recover(None)
        heartbeat.set_current_heartbeat(made)
        session = db_connection.connect(settings, "test stage")
        session.raw.execute("SET lock_timeout = 0")
        session.raw.execute("SELECT FROM account WHERE debtor_id = 1 FOR UPDATE")
        session.close()
        heartbeat_file.end(made)

    open_books(shard, {2**40: 1})
    raw = shard.connection.raw
    with raw.transaction():
        raw.execute("SELECT FROM account FOR UPDATE")
        run(wait_for_lock)

        def lock_waits() -> float:
            # else the transaction sees the sessions as they were when it saw them first
            raw.execute("SELECT pg_stat_clear_snapshot()")
            return read_values(shard.connection)[m.LOCK_WAITS, ()]

        wait_until(lambda: lock_waits() == 1, 60, "it waits for the lock")
        now = monotonic()
        monkeypatch.setattr(liveness, "monotonic", lambda: now + 100)
        processes = living_processes(state_dir)
        assert list(stuck_loops(processes)) == []
        (problem,) = degraded_loops(processes)
        assert (problem.subject, problem.what) == ("stage", "waiting for the database")
    wait_until(lambda: not living_processes(state_dir)[0].loops, 60, "it has got the lock")
    slot.release()


def test_the_exporter_learns_what_waits(shard: Shard) -> None:
    shard.receive(builders.pending_balance_change(2**40, 5, change_id=1, committed_at=NOW))
    shard.set_now(NOW + timedelta(seconds=70))
    values = read_values(shard.connection)
    assert values[m.QUEUE_ROWS, ("pending_balance_change",)] == 1
    assert values[m.QUEUE_OLDEST, ("pending_balance_change",)] == 70
    assert values[m.QUEUE_OLDEST, ("account_transfer_signal",)] == 0
    assert (m.SESSIONS, ("test",)) not in values
    assert values[m.RETURNED_LINES, ()] == 0


def test_stages_tell_how_long_the_oldest_request_has_waited(shard: Shard) -> None:
    open_books(shard, {builders.ALICE: 1000, builders.BOB: 0})
    shard.set_now(NOW)
    for request_id in range(2):
        shard.receive(
            builders.prepare_transfer(
                builders.ALICE, builders.BOB, 10, coordinator_request_id=request_id
            )
        )
        shard.set_now(NOW + timedelta(seconds=5 + request_id))
    values = read_values(shard.connection)
    assert values[m.QUEUE_OLDEST, ("transfer_request",)] == 6
    batch = {"after_id": 0, "count_max": 10, "left_ids": []}
    parameters = TRANSFER_REQUESTS.parameters(shard.settings)
    assert (
        shard.connection.call(TRANSFER_REQUESTS.procedure, **batch, **parameters).waited_seconds
        == 6
    )
    assert (
        shard.connection.call(TRANSFER_REQUESTS.procedure, **batch, **parameters).waited_seconds
        is None
    )

    transfer = prepare(shard, builders.ALICE, builders.BOB, 10)
    shard.receive(builders.finalize_transfer(transfer, 10))
    shard.set_now(NOW + timedelta(seconds=9))
    parameters = FINALIZATION_REQUESTS.parameters(shard.settings)
    assert (
        shard.connection.call(FINALIZATION_REQUESTS.procedure, **batch, **parameters).waited_seconds
        == 3
    )


def test_a_stage_tells_how_long_the_oldest_change_has_waited(shard: Shard) -> None:
    for seconds in (3, 10, 7):
        moment = NOW - timedelta(seconds=seconds)
        shard.receive(
            builders.pending_balance_change(2**40, 5, change_id=seconds, committed_at=moment)
        )

    def call() -> float | None:
        found = shard.connection.call(
            BALANCE_CHANGES.procedure, after_id=0, count_max=10, left_ids=[]
        )
        waited: float | None = found.waited_seconds
        return waited

    assert call() == 10
    assert call() is None


def test_accounts_and_money_are_added_up(shard: Shard) -> None:
    open_books(shard, {2**40: 30, 2**40 + 1: 12, 2**40 + 2: 0, 2**40 + 3: 0})
    shard.update_account(builders.DEBTOR, 2**40, total_locked_amount=9)
    shard.update_account(builders.DEBTOR, 2**40 + 1, status_flags=2)
    shard.update_account(builders.DEBTOR, 2**40 + 2, status_flags=1)
    shard.update_account(builders.DEBTOR, 2**40 + 3, status_flags=3)
    pages = {"first_page": 0, "end_page": shard.pages_count("account")}

    def add_up(routing_key: str) -> tuple[float, ...]:
        found = shard.connection.call(
            ADD_UP_ACCOUNTS, **pages, **Realm.parse(routing_key).parameters
        )
        return tuple(map(float, found))

    assert add_up("#") == (2, 1, 2, 42, 9, 0)
    shard.update_account(builders.DEBTOR, 0, minimal_balance=-47)
    assert add_up("#")[-1] == 0
    shard.update_account(builders.DEBTOR, 0, minimal_balance=-46)
    assert add_up("#")[-1] == 1
    shard.update_account(builders.DEBTOR, 0, minimal_balance=-(2**63))
    halves = [add_up("0.#"), add_up("1.#")]
    assert [sum(pair) for pair in zip(*halves, strict=True)] == [2, 1, 2, 42, 9, 0]
    assert tuple(
        map(
            float,
            shard.connection.call(
                ADD_UP_ACCOUNTS, first_page=0, end_page=0, realm_bits=0, realm_length=0
            ),
        )
    ) == (0, 0, 0, 0, 0, 0)
