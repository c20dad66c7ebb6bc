"""The stages work in batches."""

import pytest

from swpt_accounts.stages.stages import CHANGING_BALANCES, FINALIZING, PREPARING
from tests.db.shard import Shard
from tests.model import builders
from tests.model.books import account, open_books, prepare, sent
from tests.model.builders import ALICE, BOB, ROOT


@pytest.mark.parametrize("count_max", [1, 2, 3, 4])
def test_work_is_done_in_batches(shard: Shard, count_max: int) -> None:
    open_books(shard, {ALICE: 100, BOB: 0})
    senders = [ALICE, 77, BOB, ALICE]
    shard.receive(*[builders.prepare_transfer(s, ROOT, 0) for s in senders])
    after_id, taken_total = 0, 0
    while True:
        taken, seen, last_id = shard.run_stage(PREPARING, after_id=after_id, count_max=count_max)
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
        taken, seen, _ = shard.run_stage(FINALIZING, count_max=1)
        assert (taken, seen) == (1, 1)
    assert account(shard, ALICE)["principal"] == 90
    assert len(sent(shard, "FinalizedTransfer")) == 1


def test_archive_entry_is_marked_when_the_change_is_applied(shard: Shard) -> None:
    shard.receive(*[builders.pending_balance_change(ALICE, 5, change_id=i) for i in (1, 2)])
    shard.run_stage(CHANGING_BALANCES, count_max=1)
    archive = shard.registered_changes()
    assert [(row["change_id"], row["is_applied"]) for row in archive] == [(1, True), (2, False)]
