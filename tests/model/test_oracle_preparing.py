"""Examples by hand: PrepareTransfer."""

from datetime import datetime, timedelta

import pytest

from . import builders
from .books import account, delete_account, open_books, prepare, sent
from .builders import (
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
from .money import LATEST, MAX_INT32, MAX_INT64, T0
from .oracle import Authority


def test_prepared_transfer() -> None:
    authority = open_books({ALICE: 100, BOB: 0})
    message = builders.prepare_transfer(ALICE, BOB, 60, NOW, coordinator_request_id=9)
    authority.prepare_transfer(message, NOW + SECOND)
    assert authority.outbox == []
    authority.process_transfer_requests(NOW + 2 * SECOND)
    assert authority.outbox == [
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
    alice = account(authority, ALICE)
    assert (alice.total_locked_amount, alice.pending_transfers_count) == (60, 1)
    assert alice.last_change_seqnum == 1
    authority.check_invariants()


def test_requests_of_one_sender_see_each_other() -> None:
    authority = open_books({ALICE: 100, BOB: 0})
    for request_id, min_amount in enumerate([70, 0, 1, 0]):
        message = builders.prepare_transfer(
            ALICE, BOB, 70, min_locked_amount=min_amount, coordinator_request_id=request_id
        )
        authority.prepare_transfer(message, NOW)
    authority.process_transfer_requests(NOW)
    answers = {m["coordinator_request_id"]: m for m in authority.outbox}
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
    authority.check_invariants()


@pytest.mark.parametrize(
    ("sender", "recipient", "coordinator_type", "status_code"),
    [
        (ALICE, 77, "direct", "RECIPIENT_IS_UNREACHABLE"),
        (ALICE, "01", "direct", "RECIPIENT_IS_UNREACHABLE"),
        (ALICE, "", "agent", "RECIPIENT_IS_UNREACHABLE"),
        (ALICE, CAROL, "agent", "RECIPIENT_IS_UNREACHABLE"),
        (ALICE, ROOT, "agent", "RECIPIENT_IS_UNREACHABLE"),
        (ALICE, ALICE, "direct", "RECIPIENT_SAME_AS_SENDER"),
        (77, BOB, "direct", "SENDER_IS_UNREACHABLE"),
        (77, ROOT, "agent", "SENDER_IS_UNREACHABLE"),
        (77, 77, "direct", "RECIPIENT_IS_UNREACHABLE"),
        (ALICE, BOB, "direct", "OK"),
        (ALICE, ROOT, "direct", "OK"),
        (ALICE, BOB, "agent", "OK"),
        (ALICE, (1 << 40) + 999, "agent", "OK"),
    ],
)
def test_parties(
    sender: int, recipient: int | str, coordinator_type: str, status_code: str
) -> None:
    authority = open_books({ALICE: 100, BOB: 0, CAROL: 0})
    prepare(authority, ALICE, BOB, 10, NOW)
    authority.outbox.clear()
    message = builders.prepare_transfer(sender, recipient, 5, coordinator_type=coordinator_type)
    authority.prepare_transfer(message, NOW)
    authority.process_transfer_requests(NOW)
    (answer,) = authority.outbox
    assert answer.get("status_code", "OK") == status_code
    if status_code.endswith("_IS_UNREACHABLE"):
        assert answer["total_locked_amount"] == 0
    elif status_code != "OK":
        assert answer["total_locked_amount"] == 10


def test_recipient_that_leaves_accepts_nothing() -> None:
    authority = open_books({ALICE: 100, BOB: 0, CAROL: 0})
    message = builders.configure_account(BOB, NOW + SECOND, config_flags=1)
    authority.configure_account(message, NOW + SECOND)
    delete_account(authority, CAROL, NOW + SECOND)
    authority.configure_account(
        builders.configure_account(ROOT, NOW + SECOND, config_flags=1), NOW + SECOND
    )
    authority.outbox.clear()
    for recipient in (BOB, CAROL, ROOT):
        authority.prepare_transfer(builders.prepare_transfer(ALICE, recipient, 1), NOW)
    assert [message["status_code"] for message in authority.outbox] == [
        "RECIPIENT_IS_UNREACHABLE",
        "RECIPIENT_IS_UNREACHABLE",
    ]
    assert len(authority.transfer_requests) == 1


def test_root_need_not_exist_to_receive() -> None:
    authority = Authority()
    authority.configure_account(builders.configure_account(ALICE), NOW)
    prepare(authority, ALICE, ROOT, 0, NOW)
    assert (DEBTOR, ROOT) not in authority.accounts


def test_deleted_sender() -> None:
    authority = open_books({ALICE: 100, BOB: 0})
    authority.prepare_transfer(builders.prepare_transfer(ALICE, BOB, 0), NOW)
    delete_account(authority, ALICE, NOW + SECOND)
    authority.process_transfer_requests(NOW + SECOND)
    assert authority.outbox[-1]["status_code"] == "SENDER_IS_UNREACHABLE"


def test_too_many_transfers() -> None:
    authority = open_books({ALICE: 100})
    alice = account(authority, ALICE)
    message = builders.prepare_transfer(ALICE, ALICE, 10**6, final_interest_rate_ts=T0)
    for count, status_code in (
        (MAX_INT32, "TOO_MANY_TRANSFERS"),
        (MAX_INT32 - 1, "RECIPIENT_SAME_AS_SENDER"),
    ):
        alice.pending_transfers_count = count
        authority.prepare_transfer(message, NOW)
        authority.process_transfer_requests(NOW)
        assert authority.outbox[-1]["status_code"] == status_code


def test_interest_rate_must_not_have_changed() -> None:
    authority = open_books({ALICE: 100, BOB: 0}, rate=5.5)
    for final_interest_rate_ts in (NOW - MICROSECOND, NOW):
        message = builders.prepare_transfer(
            ALICE, BOB, 1000, final_interest_rate_ts=final_interest_rate_ts
        )
        authority.prepare_transfer(message, NOW)
    authority.process_transfer_requests(NOW)
    assert [message["status_code"] for message in authority.outbox] == [
        "NEWER_INTEREST_RATE",
        "INSUFFICIENT_AVAILABLE_AMOUNT",
    ]


@pytest.mark.parametrize(
    ("ts", "max_commit_delay", "deadline"),
    [
        (NOW, 0, NOW),
        (NOW - DAY, 3600, NOW - DAY + timedelta(hours=1)),
        (NOW, 90 * 86400 - 1, NOW + 90 * DAY - SECOND),
        (NOW, 90 * 86400 + 1, NOW + 90 * DAY),
        (NOW, 2**31 - 1, NOW + 90 * DAY),
        (LATEST, 2**31 - 1, NOW + 90 * DAY),
    ],
)
def test_deadline(ts: datetime, max_commit_delay: int, deadline: datetime) -> None:
    authority = open_books({ALICE: 100, BOB: 0})
    message = builders.prepare_transfer(ALICE, BOB, 1, ts, max_commit_delay=max_commit_delay)
    authority.prepare_transfer(message, NOW)
    authority.process_transfer_requests(NOW)
    assert authority.outbox[-1]["deadline"] == deadline


def test_interest_can_be_locked_but_no_fraction_of_a_unit() -> None:
    authority = open_books({ALICE: 1001, BOB: 0}, rate=21.0)
    message = builders.prepare_transfer(ALICE, BOB, 10**6, min_locked_amount=0)
    authority.prepare_transfer(message, NOW)
    authority.process_transfer_requests(NOW + YEAR / 2)
    # 1001 has become 1101.1
    assert authority.outbox[-1]["locked_amount"] == 1101


def test_locks_stay_within_64_bits() -> None:
    authority = open_books({ALICE: MAX_INT64, BOB: 0}, rate=100.0)
    for _ in range(2):
        message = builders.prepare_transfer(ALICE, BOB, MAX_INT64 - 5, min_locked_amount=5)
        authority.prepare_transfer(message, NOW)
    message = builders.prepare_transfer(ALICE, BOB, 1)
    authority.prepare_transfer(message, NOW)
    authority.process_transfer_requests(NOW + YEAR)
    locks = [message["locked_amount"] for message in sent(authority, "PreparedTransfer")]
    assert locks == [MAX_INT64 - 5, 5]
    assert authority.outbox[-1]["status_code"] == "INSUFFICIENT_AVAILABLE_AMOUNT"
    authority.check_invariants()
