"""What waits for the stages."""

from datetime import timedelta

from verification.model import builders
from verification.model.books import open_books
from verification.model.builders import ALICE, BOB, NOW
from verification.model.money import MAX_INT64
from verification.model.node import Node


def test_queues_keep_the_order_of_arrival(node: Node) -> None:
    open_books(node, {ALICE: 100, BOB: 0})
    numbers = [5, 3, 9, 1, 7]
    for batch in (numbers[:3], numbers[3:]):
        node.receive(
            *[
                message
                for number in batch
                for message in (
                    builders.prepare_transfer(ALICE, BOB, 0, coordinator_request_id=number),
                    builders.pending_balance_change(BOB, 1, change_id=number),
                )
            ]
        )
    requests = node.transfer_requests()
    assert [row["coordinator_request_id"] for row in requests] == numbers
    assert [row["change_id"] for row in node.pending_changes()] == numbers


def test_equal_request_that_is_new_is_handled(node: Node) -> None:
    open_books(node, {ALICE: 100, BOB: 0})
    message = builders.prepare_transfer(ALICE, BOB, 10)
    node.receive(message)
    node.receive(message)
    node.receive(message, message)
    assert len(node.transfer_requests()) == 4


def test_limits_of_a_request(node: Node) -> None:
    message = builders.prepare_transfer(-MAX_INT64 - 1, MAX_INT64, MAX_INT64, min_locked_amount=0)
    node.receive(builders.configure_account(MAX_INT64))
    node.receive({**message, "max_commit_delay": 2**31 - 1})
    (row,) = node.transfer_requests()
    assert (
        row.items()
        >= {
            "creditor_id": -MAX_INT64 - 1,
            "coordinator_id": -MAX_INT64 - 1,
            "recipient_creditor_id": MAX_INT64,
            "min_locked_amount": 0,
            "max_locked_amount": MAX_INT64,
            "deadline": NOW + timedelta(seconds=2**31 - 1),
        }.items()
    )
