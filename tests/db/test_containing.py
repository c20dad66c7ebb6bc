"""A row that a stage cannot process holds up nobody else."""

import logging
import threading
from collections.abc import Iterator

import pytest

from swpt_accounts.settings import Settings
from swpt_accounts.stages.stages import CHANGING_BALANCES, FINALIZING, PREPARING, Stage
from swpt_accounts.stages.worker import StageWorker
from swpt_accounts.workers.stopping import Stop
from tests.db.books import open_books, prepare
from tests.db.shard import Shard
from tests.model import builders
from tests.model.builders import ALICE, BOB, DEBTOR, ROOT
from tests.support.broker import wait_until

MAX_INT64 = (1 << 63) - 1


@pytest.fixture(params=[PREPARING, FINALIZING, CHANGING_BALANCES], ids=lambda stage: stage.name)
def stage(request: pytest.FixtureRequest, shard: Shard, settings: Settings) -> Iterator[Stage]:
    """A stage at work."""
    stage: Stage = request.param
    open_books(shard, {ALICE: 1000, BOB: 1000})
    stop = Stop()
    worker = StageWorker(settings, stop, stage, wait_seconds=0.1)
    thread = threading.Thread(target=worker.run)
    thread.start()
    yield stage
    stop.request()
    thread.join()


def poison(shard: Shard, is_poisoned: bool) -> None:
    """Bring the numbers of ALICE's account to an end, or set them back."""
    number = MAX_INT64 if is_poisoned else 1
    shard.update_account(DEBTOR, ALICE, last_transfer_id=number, last_transfer_number=number)


def leave_work(shard: Shard, stage: Stage, creditor_id: int, count: int) -> None:
    """Leave requests of a creditor to the stage, each of which needs a new number."""
    numbers = range(count)
    if stage is PREPARING:
        shard.receive(*[builders.prepare_transfer(creditor_id, ROOT, 1) for _ in numbers])
    elif stage is FINALIZING:
        transfers = [prepare(shard, creditor_id, ROOT, 1) for _ in numbers]
        shard.receive(*[builders.finalize_transfer(t, 1) for t in transfers])
    else:
        shard.receive(
            *[
                builders.pending_balance_change(creditor_id, 1, change_id=creditor_id + i)
                for i in numbers
            ]
        )


def waiting(shard: Shard, stage: Stage) -> list[int]:
    return [row["creditor_id"] for row in shard.rows(stage.table)]


def test_row_that_cannot_be_processed(
    shard: Shard, stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    if stage is FINALIZING:
        # It must be prepared, before it can be poisoned.
        shard.connection.raw.execute("BEGIN")
        leave_work(shard, stage, ALICE, 1)
        poison(shard, True)
        shard.connection.raw.execute("COMMIT")
    else:
        poison(shard, True)
        leave_work(shard, stage, ALICE, 1)
    (row_id,) = (row["id"] for row in shard.rows(stage.table))
    leave_work(shard, stage, BOB, 20)
    wait_until(lambda: waiting(shard, stage) == [ALICE])
    wait_until(lambda: f"cannot process row {row_id} of {stage.table!r}" in caplog.text)

    poison(shard, False)
    wait_until(lambda: waiting(shard, stage) == [])
