"""The stages work in batches."""

import pytest

from swpt_accounts.settings import Settings
from swpt_accounts.stages.worker import (
    BALANCE_CHANGES,
    FINALIZATION_REQUESTS,
    TRANSFER_REQUESTS,
    Stage,
)
from tests.support.sessions import another_session
from verification.kit.shard import Shard
from verification.model import builders
from verification.model.books import account, open_books, prepare, sent
from verification.model.builders import ALICE, BOB, ROOT


@pytest.mark.parametrize("count_max", [1, 2, 3, 4])
def test_work_is_done_in_batches(shard: Shard, count_max: int) -> None:
    open_books(shard, {ALICE: 100, BOB: 0})
    senders = [ALICE, 77, BOB, ALICE]
    shard.receive(*[builders.prepare_transfer(s, ROOT, 0) for s in senders])
    after_id, taken_total = 0, 0
    while True:
        taken, seen, last_id = shard.run_stage(
            TRANSFER_REQUESTS, after_id=after_id, count_max=count_max
        )
        assert taken == seen
        if last_id is None:
            break
        assert last_id > after_id
        after_id, taken_total = last_id, taken_total + taken
    assert taken_total == 4
    assert len(shard.take_messages()) == 4


def test_second_request_in_a_later_batch_of_the_stage(shard: Shard) -> None:
    open_books(shard, {ALICE: 100, BOB: 0})
    transfer = prepare(shard, ALICE, BOB, 60)
    shard.receive(*[builders.finalize_transfer(transfer, amount) for amount in (10, 20)])
    for _ in range(2):
        taken, seen, _ = shard.run_stage(FINALIZATION_REQUESTS, count_max=1)
        assert (taken, seen) == (1, 1)
    assert account(shard, ALICE)["principal"] == 90
    assert len(sent(shard, "FinalizedTransfer")) == 1


def test_archive_entry_is_marked_when_the_change_is_applied(shard: Shard) -> None:
    shard.receive(*[builders.pending_balance_change(ALICE, 5, change_id=i) for i in (1, 2)])
    shard.run_stage(BALANCE_CHANGES, count_max=1)
    archive = shard.registered_changes()
    assert [(row["change_id"], row["is_applied"]) for row in archive] == [(1, True), (2, False)]


class TestFirstRequestCounts:
    """Of several requests for one transfer the first counts, whatever batch the others are in."""

    def test_when_its_sender_was_locked(self, shard: Shard, settings: Settings) -> None:
        open_books(shard, {ALICE: 100, BOB: 0})
        transfer = prepare(shard, ALICE, BOB, 60)
        shard.receive(builders.finalize_transfer(transfer, 60))
        with another_session(settings) as other, other.connection.raw.transaction():
            other.lock_account(ALICE)
            assert shard.run_stage(FINALIZATION_REQUESTS) == (0, 1, (left_id := shard.left_ids[0]))
        shard.receive(builders.finalize_transfer(transfer, 0))
        # a worker which does not know of the one that was left
        assert shard.run_stage(FINALIZATION_REQUESTS, after_id=left_id)[:2] == (2, 1)
        assert shard.left_ids == []
        assert [m["committed_amount"] for m in sent(shard, "FinalizedTransfer")] == [60]
        assert shard.rows("finalization_request") == []

    def test_while_its_sender_is_locked(self, shard: Shard, settings: Settings) -> None:
        open_books(shard, {ALICE: 100, BOB: 0})
        transfer = prepare(shard, ALICE, BOB, 60)
        shard.receive(*[builders.finalize_transfer(transfer, amount) for amount in (60, 0)])
        first, second = (row["id"] for row in shard.rows("finalization_request"))
        with another_session(settings) as other, other.connection.raw.transaction():
            other.lock_account(ALICE)
            assert shard.run_stage(FINALIZATION_REQUESTS, after_id=first) == (0, 1, second)
            assert shard.left_ids == [second]
        assert len(shard.rows("finalization_request")) == 2

    @pytest.mark.parametrize("field", ["coordinator_id", "coordinator_request_id"])
    def test_but_only_one_of_the_same_coordinator(self, shard: Shard, field: str) -> None:
        open_books(shard, {ALICE: 100, BOB: 0})
        transfer = prepare(shard, ALICE, BOB, 60)
        foreign = {**builders.finalize_transfer(transfer, 0), field: 999}
        shard.receive(foreign, builders.finalize_transfer(transfer, 60))
        first = shard.rows("finalization_request")[0]["id"]
        assert shard.run_stage(FINALIZATION_REQUESTS, after_id=first)[:2] == (1, 1)
        assert [m["committed_amount"] for m in sent(shard, "FinalizedTransfer")] == [60]


@pytest.mark.parametrize(
    "stage", [TRANSFER_REQUESTS, FINALIZATION_REQUESTS, BALANCE_CHANGES], ids=lambda s: s.name
)
def test_what_was_left_is_tried_again_before_what_follows(shard: Shard, stage: Stage) -> None:
    open_books(shard, {ALICE: 100, BOB: 0})
    shard.take_messages()
    if stage is TRANSFER_REQUESTS:
        messages = [builders.prepare_transfer(ALICE, BOB, amount) for amount in (1, 2)]
    elif stage is FINALIZATION_REQUESTS:
        transfers = [prepare(shard, ALICE, BOB, 10) for _ in range(2)]
        messages = [
            builders.finalize_transfer(t, amount)
            for t, amount in zip(transfers, (1, 2), strict=True)
        ]
    else:
        messages = [builders.pending_balance_change(ALICE, i, change_id=i) for i in (1, 2)]
    shard.take_messages()
    shard.receive(*messages)
    first, second = (row["id"] for row in shard.rows(stage.table))
    assert shard.run_stage(stage, after_id=first, left_ids=[first]) == (2, 1, second)
    sent_messages = shard.take_messages()
    if stage is TRANSFER_REQUESTS:
        answers = [m["locked_amount"] for m in sent_messages]
    else:
        transfers_of_alice = [m for m in sent_messages if m["type"] == "AccountTransfer"]
        answers = [abs(m["acquired_amount"]) for m in transfers_of_alice]
    assert answers == [1, 2]
