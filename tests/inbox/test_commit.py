"""A batch of messages is taken in, in one transaction."""

from collections.abc import Callable

import psycopg
import pytest

from swpt_accounts.db.procedures import FIND_HANDLED, NOTE_HANDLED
from swpt_accounts.inbox.batch import ReceivedMessage, decode_batch
from swpt_accounts.inbox.commit import apply_messages
from swpt_accounts.inbox.deduplication import HandledByParent
from verification.kit.shard import Shard
from verification.kit.wire import make_delivery
from verification.model import builders
from verification.model.books import account, open_books, prepare
from verification.model.builders import ALICE, BOB, NOW, ROOT

QUEUES = ("transfer_request", "finalization_request", "pending_balance_change")


def queued(shard: Shard) -> list[int]:
    """How many rows each queue has."""
    return [len(shard.rows(queue)) for queue in QUEUES]


def test_batch_of_everything(shard: Shard) -> None:
    open_books(shard, {ALICE: 100, BOB: 0})
    transfer = prepare(shard, ALICE, BOB, 10)
    shard.receive(
        builders.pending_balance_change(BOB, 7),
        builders.finalize_transfer(transfer, 10),
        builders.prepare_transfer(ALICE, BOB, 20),
        builders.configure_account(1, NOW),
        builders.finalize_transfer(transfer, 11),
    )
    assert queued(shard) == [1, 2, 1]
    assert account(shard, 1)["principal"] == 0
    amounts = [row["committed_amount"] for row in shard.rows("finalization_request")]
    assert amounts == [10, 11]


def test_batch_that_fails_leaves_nothing(shard: Shard, as_owner: Callable[[str], None]) -> None:
    shard.receive(builders.configure_account(ALICE))
    deliveries = [
        make_delivery(m)
        for m in (
            builders.configure_account(BOB),
            builders.prepare_transfer(ALICE, ROOT, 0),
            builders.pending_balance_change(BOB, 7),
        )
    ]
    received, _ = decode_batch(deliveries, shard.settings.realm)
    as_owner("ALTER TABLE pending_balance_change ADD CHECK (change_id <> 1)")
    try:
        with pytest.raises(psycopg.errors.CheckViolation):
            apply_messages(shard.connection, shard.settings, received, is_repeated=False)
    finally:
        as_owner(
            "ALTER TABLE pending_balance_change"
            " DROP CONSTRAINT pending_balance_change_change_id_check"
        )
    assert [row["creditor_id"] for row in shard.rows("account")] == [ALICE]
    assert queued(shard) == [0, 0, 0]
    assert shard.rows("handled_batch") == shard.rows("registered_balance_change") == []


def test_redelivered_request_that_was_handled_is_ignored(shard: Shard) -> None:
    open_books(shard, {ALICE: 100, BOB: 0})
    first, second = (
        builders.prepare_transfer(ALICE, BOB, 10, coordinator_request_id=i) for i in (1, 2)
    )
    shard.receive(first)
    shard.receive(first, second, is_redelivered=True)
    requests = shard.rows("transfer_request")
    assert [row["coordinator_request_id"] for row in requests] == [1, 2]
    shard.receive(first, second, is_repeated=True)
    assert len(shard.rows("transfer_request")) == 2


def test_repeated_batch_is_handled_once(shard: Shard) -> None:
    open_books(shard, {ALICE: 100, BOB: 0})
    transfer = prepare(shard, ALICE, BOB, 10)
    batch = [
        builders.configure_account(1),
        builders.prepare_transfer(ALICE, BOB, 20),
        builders.finalize_transfer(transfer, 10),
        builders.pending_balance_change(BOB, 7),
    ]
    for _ in range(3):
        shard.receive(*batch, is_repeated=True)
    shard.process_finalization_requests()
    shard.process_transfer_requests()
    shard.process_balance_changes()
    assert account(shard, ALICE)["principal"] == 90
    assert account(shard, ALICE)["total_locked_amount"] == 20
    assert account(shard, BOB)["principal"] == 17
    assert account(shard, 1)["last_change_seqnum"] == 0


def test_digests_that_were_handled_are_found(shard: Shard) -> None:
    connection = shard.connection
    digests = [bytes([i]) * 16 for i in range(5)]
    connection.call(NOTE_HANDLED, digests=digests[:2])
    connection.call(NOTE_HANDLED, digests=digests[2:3])
    found = connection.call_value(FIND_HANDLED, digests=digests[1:4])
    assert sorted(found) == digests[1:3]
    assert connection.call_value(FIND_HANDLED, digests=digests[3:]) == []
    assert connection.call_value(FIND_HANDLED, digests=[]) == []


def test_child_doubts_what_its_parent_has_handled(shard: Shard) -> None:
    """Without a mark of the broker. What it has handled itself it does not doubt."""
    realm = shard.settings.realm

    def delivered(request_id: int) -> list[ReceivedMessage]:
        message = builders.prepare_transfer(ALICE, BOB, 10, coordinator_request_id=request_id)
        received, _ = decode_batch([make_delivery(message)], realm)
        return received

    open_books(shard, {ALICE: 100, BOB: 0})
    for request_id in range(50):
        shard.receive(builders.prepare_transfer(ALICE, BOB, 1, coordinator_request_id=request_id))
        shard.receive(builders.prepare_transfer(ALICE, BOB, 10, coordinator_request_id=request_id))
    parent = HandledByParent()
    marked = [parent.mark(shard.connection, delivered(n))[0] for n in range(60)]
    assert [n for n, r in enumerate(marked) if r.delivery.is_redelivered] == list(range(50))
    assert [r.message for r in marked] == [delivered(n)[0].message for n in range(60)]
    apply_messages(shard.connection, shard.settings, marked, is_repeated=False)
    assert len(shard.rows("transfer_request")) == 100 + 10
    (again,) = parent.mark(shard.connection, delivered(55))
    assert not again.delivery.is_redelivered
