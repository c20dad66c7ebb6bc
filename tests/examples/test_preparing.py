"""PrepareTransfer, for recipients of the same shard."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from verification.model import builders
from verification.model.books import (
    account,
    configure_root,
    creditors,
    delete_account,
    open_books,
    prepare,
    prepared,
    sent,
)
from verification.model.builders import (
    ALICE,
    BOB,
    CAROL,
    DAY,
    DEBTOR,
    FIRST_TRANSFER_ID,
    MICROSECOND,
    NOW,
    ROOT,
    SECOND,
    YEAR,
)
from verification.model.money import LATEST, MAX_INT32, MAX_INT64, T0
from verification.model.node import Node
from verification.model.state import Message

EARLIEST = datetime.min.replace(tzinfo=NOW.tzinfo)


def answer(node: Node, message: Message) -> Message:
    """Receive a request, process it, and return the one answer."""
    node.receive(message)
    node.process_transfer_requests()
    (found,) = node.take_messages()
    return found


def test_prepared_transfer(node: Node) -> None:
    open_books(node, {ALICE: 100, BOB: 0})
    before = account(node, ALICE)
    node.set_now(NOW + SECOND)
    node.receive(builders.prepare_transfer(ALICE, BOB, 60, NOW, coordinator_request_id=9))
    assert node.take_messages() == []
    node.set_now(NOW + 2 * SECOND)
    node.process_transfer_requests()
    assert node.take_messages() == [
        {
            "type": "PreparedTransfer",
            "debtor_id": DEBTOR,
            "creditor_id": ALICE,
            "transfer_id": FIRST_TRANSFER_ID,
            "coordinator_type": "direct",
            "coordinator_id": ALICE,
            "coordinator_request_id": 9,
            "locked_amount": 60,
            "recipient": "1099511627778",
            "prepared_at": NOW + 2 * SECOND,
            "demurrage_rate": -50.0,
            "deadline": NOW + 30 * DAY,
            "final_interest_rate_ts": LATEST,
            "ts": NOW + 2 * SECOND,
        }
    ]
    assert account(node, ALICE) == {
        **before,
        "total_locked_amount": 60,
        "pending_transfers_count": 1,
        "last_transfer_id": FIRST_TRANSFER_ID,
    }
    (transfer,) = prepared(node, ALICE)
    assert (transfer.recipient_creditor_id, transfer.last_reminder_ts) == (BOB, None)
    node.check_books()


def test_requests_of_one_sender_see_each_other(node: Node) -> None:
    open_books(node, {ALICE: 100, BOB: 0})
    for request_id, min_amount in enumerate([70, 0, 1, 0]):
        node.receive(
            builders.prepare_transfer(
                ALICE, BOB, 70, min_locked_amount=min_amount, coordinator_request_id=request_id
            )
        )
    node.process_transfer_requests()
    answers = {m["coordinator_request_id"]: m for m in node.take_messages()}
    assert [answers[i]["locked_amount"] for i in (0, 1, 3)] == [70, 30, 0]
    assert [answers[i]["transfer_id"] - FIRST_TRANSFER_ID for i in (0, 1, 3)] == [0, 1, 2]
    assert answers[2] == {
        "type": "RejectedTransfer",
        "debtor_id": DEBTOR,
        "creditor_id": ALICE,
        "coordinator_type": "direct",
        "coordinator_id": ALICE,
        "coordinator_request_id": 2,
        "status_code": "INSUFFICIENT_AVAILABLE_AMOUNT",
        "total_locked_amount": 100,
        "ts": NOW,
    }
    node.check_books()


def test_senders_do_not_mix(node: Node) -> None:
    open_books(node, {ALICE: 10, BOB: 20, CAROL: 0})
    node.receive(
        *[
            builders.prepare_transfer(
                sender, CAROL, 100, min_locked_amount=0, coordinator_request_id=request_id
            )
            for request_id, sender in enumerate([BOB, ALICE, BOB, ALICE, CAROL])
        ]
    )
    node.process_transfer_requests()
    answers = {m["coordinator_request_id"]: m for m in node.take_messages()}
    assert [answers[i]["locked_amount"] for i in range(4)] == [20, 10, 0, 0]
    assert answers[4]["status_code"] == "RECIPIENT_SAME_AS_SENDER"
    assert account(node, BOB)["total_locked_amount"] == 20


@pytest.mark.parametrize(
    ("sender", "recipient", "coordinator_type", "status_code"),
    [
        (ALICE, 77, "direct", "RECIPIENT_IS_UNREACHABLE"),
        (ALICE, "01", "direct", "RECIPIENT_IS_UNREACHABLE"),
        (ALICE, "-1", "direct", "RECIPIENT_IS_UNREACHABLE"),
        (ALICE, "18446744073709551616", "direct", "RECIPIENT_IS_UNREACHABLE"),
        (ALICE, "", "agent", "RECIPIENT_IS_UNREACHABLE"),
        (ALICE, CAROL, "agent", "RECIPIENT_IS_UNREACHABLE"),
        (ALICE, ROOT, "agent", "RECIPIENT_IS_UNREACHABLE"),
        (ALICE, ALICE, "direct", "RECIPIENT_SAME_AS_SENDER"),
        (77, BOB, "direct", "SENDER_IS_UNREACHABLE"),
        ((1 << 40) + 999, ROOT, "agent", "SENDER_IS_UNREACHABLE"),
        (77, 77, "direct", "RECIPIENT_IS_UNREACHABLE"),
        (ALICE, BOB, "direct", "OK"),
        (ALICE, BOB, "other", "OK"),
        (ALICE, ROOT, "direct", "OK"),
        (ALICE, BOB, "agent", "OK"),
        (ALICE, (1 << 40) + 999, "agent", "OK"),
        (ROOT, ALICE, "issuing", "OK"),
        (ROOT, ROOT, "issuing", "RECIPIENT_SAME_AS_SENDER"),
    ],
)
def test_parties(
    node: Node, sender: int, recipient: int | str, coordinator_type: str, status_code: str
) -> None:
    open_books(node, {ALICE: 100, BOB: 0, CAROL: 0})
    prepare(node, ALICE, BOB, 10)
    prepare(node, ROOT, BOB, 10, "issuing")
    node.take_messages()
    message = builders.prepare_transfer(sender, recipient, 5, coordinator_type=coordinator_type)
    found = answer(node, message)
    assert found.get("status_code", "OK") == status_code
    if status_code.endswith("_IS_UNREACHABLE"):
        assert found["total_locked_amount"] == 0
    elif status_code != "OK":
        assert found["total_locked_amount"] == 10


@pytest.mark.parametrize("first", [-(2**63), -1 << 40, 1 << 40, 2**63 - (1 << 40)])
def test_agents_at_the_limits_of_their_ids(node: Node, first: int) -> None:
    last = first + (1 << 40) - 1
    beyond = last + 1 if last < MAX_INT64 else first - 1
    node.receive(builders.configure_account(first))
    node.take_messages()
    for recipient, is_reachable in ((last, True), (beyond, False)):
        message = builders.prepare_transfer(first, recipient, 0, coordinator_type="agent")
        assert (answer(node, message)["type"] == "PreparedTransfer") is is_reachable


def test_recipient_that_leaves_accepts_nothing(node: Node) -> None:
    open_books(node, {ALICE: 100, BOB: 0, CAROL: 0})
    node.receive(builders.configure_account(BOB, NOW + SECOND, config_flags=1))
    delete_account(node, CAROL, NOW + SECOND)
    node.receive(builders.configure_account(ROOT, NOW + SECOND, config_flags=1))
    node.take_messages()
    node.receive(*[builders.prepare_transfer(ALICE, r, 1) for r in (BOB, CAROL, ROOT)])
    codes = [message["status_code"] for message in node.take_messages()]
    assert codes == ["RECIPIENT_IS_UNREACHABLE"] * 2
    assert len(node.transfer_requests()) == 1


def test_recipient_that_is_opened_by_the_same_batch_is_reachable(node: Node) -> None:
    open_books(node, {ALICE: 100})
    node.receive(builders.prepare_transfer(ALICE, BOB, 1), builders.configure_account(BOB))
    node.process_transfer_requests()
    assert len(sent(node, "PreparedTransfer")) == 1


def test_root_need_not_exist_to_receive(node: Node) -> None:
    node.receive(builders.configure_account(ALICE))
    prepare(node, ALICE, ROOT, 0)
    assert creditors(node) == [ALICE]


def test_deleted_sender(node: Node) -> None:
    open_books(node, {ALICE: 100, BOB: 0})
    node.receive(builders.prepare_transfer(ALICE, BOB, 0))
    delete_account(node, ALICE, NOW + SECOND)
    node.process_transfer_requests()
    (rejection,) = sent(node, "RejectedTransfer")
    assert rejection["status_code"] == "SENDER_IS_UNREACHABLE"
    assert rejection["total_locked_amount"] == 0


def test_sender_that_is_scheduled_for_deletion_may_pay(node: Node) -> None:
    open_books(node, {ALICE: 100, BOB: 0})
    node.receive(builders.configure_account(ALICE, NOW + SECOND, config_flags=1))
    prepare(node, ALICE, BOB, 100)


@pytest.mark.parametrize(
    ("count", "recipient", "coordinator_type", "status_code"),
    [
        (MAX_INT32, CAROL, "agent", "RECIPIENT_IS_UNREACHABLE"),
        (MAX_INT32, ALICE, "direct", "TOO_MANY_TRANSFERS"),
        (MAX_INT32 - 1, ALICE, "direct", "RECIPIENT_SAME_AS_SENDER"),
        (0, BOB, "direct", "NEWER_INTEREST_RATE"),
    ],
)
def test_first_fault_decides(
    node: Node, count: int, recipient: int, coordinator_type: str, status_code: str
) -> None:
    open_books(node, {ALICE: 100, BOB: 0, CAROL: 0}, rate=5.5)
    node.update_account(DEBTOR, ALICE, pending_transfers_count=count)
    message = builders.prepare_transfer(
        ALICE,
        recipient,
        10**6,
        final_interest_rate_ts=T0,
        coordinator_type=coordinator_type,
    )
    assert answer(node, message)["status_code"] == status_code


def test_count_of_transfers_grows_to_its_limit(node: Node) -> None:
    open_books(node, {ALICE: 100, BOB: 0})
    node.update_account(DEBTOR, ALICE, pending_transfers_count=MAX_INT32 - 1)
    node.receive(
        *[builders.prepare_transfer(ALICE, BOB, 1, coordinator_request_id=i) for i in (1, 2)]
    )
    node.process_transfer_requests()
    preparation, rejection = sorted(node.take_messages(), key=lambda m: m["type"])
    assert preparation["coordinator_request_id"] == 1
    assert rejection["status_code"] == "TOO_MANY_TRANSFERS"
    assert rejection["total_locked_amount"] == 1
    assert account(node, ALICE)["pending_transfers_count"] == MAX_INT32


def test_interest_rate_must_not_have_changed(node: Node) -> None:
    open_books(node, {ALICE: 100, BOB: 0}, rate=5.5)
    for ts, status_code in (
        (EARLIEST, "NEWER_INTEREST_RATE"),
        (NOW - MICROSECOND, "NEWER_INTEREST_RATE"),
        (NOW, "INSUFFICIENT_AVAILABLE_AMOUNT"),
        (LATEST, "INSUFFICIENT_AVAILABLE_AMOUNT"),
    ):
        message = builders.prepare_transfer(ALICE, BOB, 1000, final_interest_rate_ts=ts)
        assert answer(node, message)["status_code"] == status_code


@pytest.mark.parametrize(
    ("ts", "max_commit_delay", "deadline"),
    [
        (NOW, 0, NOW),
        (NOW - DAY, 3600, NOW - DAY + timedelta(hours=1)),
        (NOW, 90 * 86400 - 1, NOW + 90 * DAY - SECOND),
        (NOW, 90 * 86400 + 1, NOW + 90 * DAY),
        (NOW, 2**31 - 1, NOW + 90 * DAY),
        (LATEST, 2**31 - 1, NOW + 90 * DAY),
        (EARLIEST, 0, EARLIEST),
        (EARLIEST, 1, EARLIEST + SECOND),
    ],
)
def test_deadline(node: Node, ts: datetime, max_commit_delay: int, deadline: datetime) -> None:
    open_books(node, {ALICE: 100, BOB: 0})
    message = builders.prepare_transfer(ALICE, BOB, 1, ts, max_commit_delay=max_commit_delay)
    assert answer(node, message)["deadline"] == deadline
    (transfer,) = prepared(node, ALICE)
    assert transfer.deadline == deadline


def test_interest_can_be_locked_but_no_fraction_of_a_unit(node: Node) -> None:
    open_books(node, {ALICE: 1001, BOB: 0}, rate=21.0)
    node.set_now(NOW + YEAR / 2)
    message = builders.prepare_transfer(ALICE, BOB, 10**6, min_locked_amount=0)
    # 1001 has become 1101.1
    assert answer(node, message)["locked_amount"] == 1101
    assert account(node, ALICE)["interest"] == 0


@pytest.mark.parametrize(
    ("interest", "lock"),
    [
        (Decimal("0.99999999999999999999"), 100),
        (Decimal("-0.00000000000000000001"), 99),
        (Decimal(-100), 0),
        (Decimal("-1000.5"), 0),
    ],
)
def test_balance_is_rounded_down(node: Node, interest: Decimal, lock: int) -> None:
    open_books(node, {ALICE: 100, BOB: 0})
    node.update_account(DEBTOR, ALICE, interest=interest)
    message = builders.prepare_transfer(ALICE, BOB, 10**6, min_locked_amount=0)
    assert answer(node, message)["locked_amount"] == lock


def test_locks_stay_within_64_bits(node: Node) -> None:
    open_books(node, {ALICE: MAX_INT64, BOB: 0}, rate=100.0)
    node.set_now(NOW + YEAR)
    node.receive(
        *[
            builders.prepare_transfer(ALICE, BOB, MAX_INT64 - 5, min_locked_amount=minimum)
            for minimum in (5, 5, 1)
        ]
    )
    node.process_transfer_requests()
    messages = node.take_messages()
    assert [m.get("locked_amount") for m in messages if "locked_amount" in m] == [MAX_INT64 - 5, 5]
    (rejection,) = (m for m in messages if "status_code" in m)
    assert rejection["status_code"] == "INSUFFICIENT_AVAILABLE_AMOUNT"
    assert rejection["total_locked_amount"] == MAX_INT64
    node.receive(builders.prepare_transfer(ALICE, BOB, 1, min_locked_amount=0))
    node.process_transfer_requests()
    assert account(node, ALICE)["total_locked_amount"] == MAX_INT64
    node.check_books()


@pytest.mark.parametrize("amount", [2**53 + 1, 2**62 + 1, MAX_INT64 - 1, MAX_INT64])
def test_big_amounts_are_exact(node: Node, amount: int) -> None:
    open_books(node, {ALICE: amount, BOB: 0})
    message = builders.prepare_transfer(ALICE, BOB, MAX_INT64, min_locked_amount=amount)
    assert answer(node, message)["locked_amount"] == amount


@pytest.mark.parametrize(
    ("negligible_amount", "lock"),
    [(16777217.0, 16777217), (40.9, 40), (0.0, 0), (1.7e308, MAX_INT64)],
)
def test_debtor_issues_no_more_than_its_limit(
    node: Node, negligible_amount: float, lock: int
) -> None:
    configure_root(node, negligible_amount=negligible_amount)
    node.receive(builders.configure_account(ALICE))
    node.take_messages()
    message = builders.prepare_transfer(
        ROOT, ALICE, MAX_INT64, min_locked_amount=0, coordinator_type="issuing"
    )
    assert answer(node, message)["locked_amount"] == lock
    message = {**message, "max_locked_amount": 1, "min_locked_amount": 1}
    assert answer(node, message)["status_code"] == "INSUFFICIENT_AVAILABLE_AMOUNT"


def test_root_account_in_credit_issues_more(node: Node) -> None:
    configure_root(node, limit=100)
    node.receive(builders.configure_account(ALICE))
    node.update_account(DEBTOR, ROOT, principal=MAX_INT64)
    message = builders.prepare_transfer(
        ROOT, ALICE, MAX_INT64, min_locked_amount=0, coordinator_type="issuing"
    )
    node.take_messages()
    assert answer(node, message)["locked_amount"] == MAX_INT64


@pytest.mark.parametrize("request_id", [-(2**63), -1, 0, MAX_INT64])
def test_request_ids_at_the_limits(node: Node, request_id: int) -> None:
    open_books(node, {ALICE: 100, BOB: 0})
    message = builders.prepare_transfer(
        ALICE, BOB, 1, coordinator_type="~" * 30, coordinator_request_id=request_id
    )
    found = answer(node, {**message, "coordinator_id": -request_id - 1})
    assert found["coordinator_request_id"] == request_id
    assert found["coordinator_id"] == -request_id - 1
    assert found["coordinator_type"] == "~" * 30


def test_first_transfer_of_an_account_that_was_opened_again(node: Node) -> None:
    open_books(node, {ALICE: 100, BOB: 0})
    prepare(node, ALICE, BOB, 1)
    node.set_now(NOW + 200 * DAY)
    node.remove_account(DEBTOR, ALICE)
    node.receive(builders.configure_account(ALICE, NOW + 200 * DAY))
    node.receive(builders.prepare_transfer(ALICE, BOB, 0))
    node.process_transfer_requests()
    transfer = prepared(node, ALICE)[-1]
    assert transfer.transfer_id == FIRST_TRANSFER_ID + (200 << 40)
