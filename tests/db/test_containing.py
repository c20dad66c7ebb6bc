"""A row that a stage cannot process holds up nobody else."""

import logging
import threading
from collections.abc import Iterator

import pytest

from agentkit.waiting import wait_until
from swpt_accounts.core.ids import MAX_INT64
from swpt_accounts.settings import Settings
from swpt_accounts.stages.worker import (
    BALANCE_CHANGES,
    FINALIZATION_REQUESTS,
    TRANSFER_REQUESTS,
    Stage,
    StageWorker,
)
from swpt_accounts.workers.shutdown import ShutdownEvent
from verification.kit.shard import Shard
from verification.kit.wire import Message
from verification.model import builders
from verification.model.books import open_books, prepare
from verification.model.builders import ALICE, BOB, DEBTOR, ROOT


@pytest.fixture(
    params=[TRANSFER_REQUESTS, FINALIZATION_REQUESTS, BALANCE_CHANGES], ids=lambda stage: stage.name
)
def stage(request: pytest.FixtureRequest, shard: Shard, settings: Settings) -> Iterator[Stage]:
    """A stage at work."""
    stage: Stage = request.param
    open_books(shard, {ALICE: 1000, BOB: 1000})
    shutdown = ShutdownEvent()
    worker = StageWorker(settings, shutdown, stage)
    thread = threading.Thread(target=worker.run)
    thread.start()
    yield stage
    shutdown.request()
    thread.join()


def poison(shard: Shard, stage: Stage, is_poisoned: bool) -> None:
    """Bring a number of ALICE's account to its end, or set it back."""
    column, end = {
        TRANSFER_REQUESTS: ("last_transfer_id", MAX_INT64),
        FINALIZATION_REQUESTS: ("pending_transfers_count", 0),
        BALANCE_CHANGES: ("last_transfer_number", MAX_INT64),
    }[stage]
    shard.update_account(DEBTOR, ALICE, **{column: end if is_poisoned else 1})


def make_requests(shard: Shard, stage: Stage, creditor_id: int, count: int) -> list[Message]:
    """Requests of a creditor to the stage."""
    numbers = range(count)
    if stage is TRANSFER_REQUESTS:
        return [builders.prepare_transfer(creditor_id, ROOT, 1) for _ in numbers]
    if stage is FINALIZATION_REQUESTS:
        return [
            builders.finalize_transfer(prepare(shard, creditor_id, ROOT, 1), 1) for _ in numbers
        ]
    return [
        builders.pending_balance_change(creditor_id, 1, change_id=creditor_id + i) for i in numbers
    ]


def waiting(shard: Shard, stage: Stage) -> list[int]:
    return [row["creditor_id"] for row in shard.rows(stage.table)]


def test_row_that_cannot_be_processed(
    shard: Shard, stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    bad, good = make_requests(shard, stage, ALICE, 1), make_requests(shard, stage, BOB, 20)
    poison(shard, stage, True)
    shard.receive(*bad)
    (row_id,) = (row["id"] for row in shard.rows(stage.table))
    shard.receive(*good)
    wait_until(lambda: waiting(shard, stage) == [ALICE])
    wait_until(lambda: f"cannot process row {row_id} of table {stage.table}" in caplog.text)

    poison(shard, stage, False)
    wait_until(lambda: waiting(shard, stage) == [])
