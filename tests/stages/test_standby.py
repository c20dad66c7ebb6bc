"""Of several workers of a stage one leads, and the others help where rows wait."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from agentkit.waiting import wait_until
from swpt_accounts.settings import Settings
from swpt_accounts.stages.standby import Standby
from swpt_accounts.stages.worker import BALANCE_CHANGES, StageWorker
from swpt_accounts.workers.queue_cursor import QueueCursor
from swpt_accounts.workers.shutdown import ShutdownEvent
from tests.support.sessions import another_session
from verification.kit.shard import Shard
from verification.model import builders
from verification.model.books import account, open_books
from verification.model.builders import ALICE

STAGE = BALANCE_CHANGES


@pytest.fixture
def leader(settings: Settings) -> Iterator[Shard]:
    """A session that leads the stage, and does nothing, as if it were frozen."""
    with another_session(settings) as made:
        assert make_standby().is_needed(made.connection)
        yield made


def make_standby() -> Standby:
    return Standby(STAGE.name, STAGE.table, QueueCursor())


def credit(shard: Shard, change_id: int) -> None:
    """Put a row into the stage's queue."""
    shard.receive(builders.pending_balance_change(ALICE, 10, change_id=change_id))


def test_first_session_leads_and_the_next_one_after_it(shard: Shard, settings: Settings) -> None:
    first, second = make_standby(), make_standby()
    with another_session(settings) as session:
        assert first.is_needed(session.connection)
        assert not second.is_needed(shard.connection)
        assert first.is_needed(session.connection)
        assert (first.leads, second.leads) == (True, False)
    wait_until(lambda: second.is_needed(shard.connection))
    assert second.leads


def test_each_stage_has_its_own_leader(shard: Shard, leader: Shard) -> None:
    other = Standby("process_transfer_requests", "transfer_request", QueueCursor())
    assert other.is_needed(shard.connection)


def test_help_is_needed_where_rows_wait(shard: Shard, leader: Shard) -> None:
    open_books(shard, {ALICE: 1000})
    standby = make_standby()
    assert not standby.is_needed(shard.connection)
    credit(shard, 1)
    assert not standby.is_needed(shard.connection), "it has just come"
    assert standby.is_needed(shard.connection)
    credit(shard, 2)
    leader.run_stage(STAGE)
    credit(shard, 3)
    assert not standby.is_needed(shard.connection), "those of the last look are done"
    assert standby.is_needed(shard.connection)
    assert not standby.leads


def test_work_of_a_frozen_leader_is_done(shard: Shard, leader: Shard, settings: Settings) -> None:
    open_books(shard, {ALICE: 1000})
    with running(settings):
        for change_id in (1, 2, 3):
            credit(shard, change_id)
            wait_until(lambda: shard.rows(STAGE.table) == [])
            assert account(shard, ALICE)["principal"] == 1000 + 10 * change_id
        assert not make_standby().is_needed(shard.connection)


def test_worker_leads_when_the_leader_has_ended(shard: Shard, settings: Settings) -> None:
    open_books(shard, {ALICE: 1000})
    with running(settings) as stop_first:
        wait_until(lambda: leaders_count(shard) == 1)
        with running(settings):
            credit(shard, 1)
            wait_until(lambda: shard.rows(STAGE.table) == [])
            stop_first()
            wait_until(lambda: leaders_count(shard) == 1)
            credit(shard, 2)
            wait_until(lambda: shard.rows(STAGE.table) == [])
    assert account(shard, ALICE)["principal"] == 1020


@contextmanager
def running(settings: Settings) -> Iterator[Callable[[], None]]:
    """A worker of the stage. Yields what ends it."""
    shutdown = ShutdownEvent()
    thread = threading.Thread(target=StageWorker(settings, shutdown, STAGE).run)
    thread.start()

    def stop() -> None:
        shutdown.request()
        thread.join()

    try:
        yield stop
    finally:
        stop()


def leaders_count(shard: Shard) -> int:
    """How many sessions lead the stage."""
    row = shard.connection.raw.execute(
        "SELECT count(*) FROM pg_locks"
        " WHERE locktype = 'advisory' AND objsubid = 1 AND granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND classid::bigint << 32 | objid::bigint = hashtextextended(%s, 0)",
        [f"swpt_accounts {STAGE.name}"],
    ).fetchone()
    assert row is not None
    return int(row[0])
