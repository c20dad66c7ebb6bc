"""Examples by hand: FinalizeTransfer."""

from datetime import date, timedelta

import pytest

from . import builders
from .books import account, commit, configure_root, open_books, prepare, sent
from .builders import (
    ALICE,
    BOB,
    DAY,
    DEBTOR,
    FIRST_TRANSFER_ID,
    MICROSECOND,
    NOW,
    ROOT,
    SECOND,
    YEAR,
)
from .state import Params


def test_commit() -> None:
    authority = open_books({ALICE: 100, BOB: 0})
    transfer = prepare(authority, ALICE, BOB, 60, NOW)
    authority.outbox.clear()
    now = NOW + SECOND
    assert commit(authority, [(transfer, 40)], now) == ["OK"]
    assert authority.outbox == [
        {
            "type": "FinalizedTransfer",
            "debtor_id": DEBTOR,
            "creditor_id": ALICE,
            "transfer_id": FIRST_TRANSFER_ID,
            "coordinator_type": "direct",
            "coordinator_id": ALICE,
            "coordinator_request_id": 1,
            "committed_amount": 40,
            "status_code": "OK",
            "total_locked_amount": 0,
            "prepared_at": NOW,
            "ts": now,
        },
        {
            "type": "AccountTransfer",
            "debtor_id": DEBTOR,
            "creditor_id": ALICE,
            "creation_date": date(2024, 5, 20),
            "transfer_number": 2,
            "coordinator_type": "direct",
            "sender": "1099511627777",
            "recipient": "1099511627778",
            "acquired_amount": -40,
            "transfer_note": "a note",
            "transfer_note_format": "-",
            "committed_at": now,
            "principal": 60,
            "previous_transfer_number": 1,
            "ts": now,
        },
    ]
    alice = account(authority, ALICE)
    assert (alice.principal, alice.last_change_seqnum, alice.last_change_ts) == (60, 2, now)
    assert alice.pending_account_update
    assert (alice.last_transfer_number, alice.last_transfer_committed_at) == (2, now)
    assert authority.prepared == {}
    (change,) = authority.pending_changes
    assert (change.creditor_id, change.other_creditor_id) == (BOB, ALICE)
    assert (change.principal_delta, change.change_id) == (40, None)
    authority.check_invariants()


def test_principal_of_account_transfers_is_the_running_one() -> None:
    authority = open_books({ALICE: 910, BOB: 0})
    transfers = [prepare(authority, ALICE, BOB, 3, NOW) for _ in range(3)]
    authority.outbox.clear()
    assert commit(authority, [(transfer, 3) for transfer in transfers], NOW) == ["OK"] * 3
    messages = sent(authority, "AccountTransfer")
    assert [message["principal"] for message in messages] == [907, 904, 901]
    assert [message["transfer_number"] for message in messages] == [2, 3, 4]
    finalized = sent(authority, "FinalizedTransfer")
    assert [message["total_locked_amount"] for message in finalized] == [6, 3, 0]
    assert account(authority, ALICE).last_change_seqnum == 4


def test_dismissal_is_never_too_late() -> None:
    authority = open_books({ALICE: 100, BOB: 0})
    transfer = prepare(authority, ALICE, BOB, 60, NOW)
    before = account(authority, ALICE).last_change_seqnum
    assert commit(authority, [(transfer, 0)], NOW + YEAR) == ["OK"]
    finalized = authority.outbox[-1]
    assert (finalized["committed_amount"], finalized["total_locked_amount"]) == (0, 0)
    assert account(authority, ALICE).last_change_seqnum == before
    assert authority.pending_changes == []
    authority.check_invariants()


@pytest.mark.parametrize(
    ("delay", "status_code"),
    [(90 * DAY, "OK"), (90 * DAY + MICROSECOND, "TIMEOUT")],
)
def test_deadline(delay: timedelta, status_code: str) -> None:
    authority = open_books({ALICE: 100, BOB: 0})
    transfer = prepare(authority, ALICE, BOB, 60, NOW)
    assert commit(authority, [(transfer, 60)], NOW + delay) == [status_code]
    assert account(authority, ALICE).total_locked_amount == 0
    assert account(authority, ALICE).principal == (40 if status_code == "OK" else 100)


def test_failed_commit_reports_amount_0() -> None:
    authority = open_books({ALICE: 100, BOB: 0})
    transfer = prepare(authority, ALICE, BOB, 60, NOW)
    assert commit(authority, [(transfer, 101)], NOW) == ["INSUFFICIENT_AVAILABLE_AMOUNT"]
    assert authority.outbox[-1]["committed_amount"] == 0
    assert authority.pending_changes == []
    assert authority.prepared == {}


def test_interest_rate_must_not_have_changed() -> None:
    authority = open_books({ALICE: 100, BOB: 0})
    for final_interest_rate_ts in (NOW + 30 * DAY - MICROSECOND, NOW + 30 * DAY):
        message = builders.prepare_transfer(
            ALICE, BOB, 10, final_interest_rate_ts=final_interest_rate_ts
        )
        authority.prepare_transfer(message, NOW)
    authority.process_transfer_requests(NOW)
    now = NOW + 30 * DAY
    rate_change = builders.chore("ChangeInterestRate", ALICE, interest_rate=7.0, ts=now)
    authority.change_interest_rate(rate_change, now)
    amounts = [(transfer, 10) for transfer in authority.prepared.values()]
    assert commit(authority, amounts, now) == ["NEWER_INTEREST_RATE", "OK"]


def test_more_than_the_lock_is_committed_from_what_is_expendable() -> None:
    authority = open_books({ALICE: 100, BOB: 0})
    first, second, third = (prepare(authority, ALICE, BOB, 10, NOW) for _ in range(3))
    # 70 are free: with its lock the first may take 80, which leaves 20 for the others;
    # the second may take no more than its lock of 10, and so may the third.
    codes = commit(authority, [(first, 80), (second, 11), (third, 10)], NOW)
    assert codes == ["OK", "INSUFFICIENT_AVAILABLE_AMOUNT", "OK"]
    assert account(authority, ALICE).principal == 10


def test_lock_guarantees_the_amount_after_demurrage() -> None:
    params = Params(commit_period=2 * YEAR)
    for amount, status_code in ((300, "OK"), (301, "INSUFFICIENT_AVAILABLE_AMOUNT")):
        authority = open_books({ALICE: 1000, BOB: 0}, rate=-50.0, params=params)
        first = prepare(authority, ALICE, BOB, 600, NOW)
        second = prepare(authority, ALICE, BOB, 400, NOW)
        # After a year 500 of 1000 remain. The first has 500 - 400 = 100 for itself, yet
        # half of its lock is safe.
        assert commit(authority, [(first, amount)], NOW + YEAR) == [status_code]
        assert account(authority, ALICE).principal == (700 if status_code == "OK" else 1000)
        assert commit(authority, [(second, 200)], NOW + YEAR) == ["OK"]


def test_lock_of_a_root_account_guarantees_the_whole_amount() -> None:
    for amount, status_code in ((100, "OK"), (101, "INSUFFICIENT_AVAILABLE_AMOUNT")):
        authority = open_books({ALICE: 0}, params=Params(commit_period=2 * YEAR))
        transfer = prepare(authority, ROOT, ALICE, 100, NOW, "issuing")
        configure_root(authority, NOW + SECOND, limit=0)
        assert commit(authority, [(transfer, amount)], NOW + YEAR) == [status_code]
        assert account(authority, ROOT).principal == (-100 if status_code == "OK" else 0)
        assert sent(authority, "AccountTransfer") == []


def test_lock_guarantees_the_whole_amount_at_first() -> None:
    authority = open_books({ALICE: 100, BOB: 0})
    transfer = prepare(authority, ALICE, BOB, 60, NOW)
    authority.receive_pending_balance_change(builders.pending_balance_change(ALICE, -100), NOW)
    authority.process_balance_changes(NOW)
    assert commit(authority, [(transfer, 60)], NOW) == ["OK"]
    assert account(authority, ALICE).principal == -60


@pytest.mark.parametrize(
    "wrong_id",
    [
        {"debtor_id": 2},
        {"creditor_id": BOB},
        {"transfer_id": FIRST_TRANSFER_ID + 1},
        {"coordinator_type": "agent"},
        {"coordinator_id": BOB},
        {"coordinator_request_id": 2},
    ],
)
def test_all_ids_must_match(wrong_id: dict[str, object]) -> None:
    authority = open_books({ALICE: 100, BOB: 0})
    transfer = prepare(authority, ALICE, BOB, 60, NOW)
    message = builders.finalize_transfer(transfer, 60)
    authority.finalize_transfer({**message, **wrong_id}, NOW)
    authority.process_finalization_requests(NOW)
    assert len(authority.prepared) == 1
    assert authority.finalization_requests == []
    # Nor does it stand in the way of the right one, when both are queued.
    authority.finalize_transfer({**message, **wrong_id}, NOW)
    authority.finalize_transfer(message, NOW)
    authority.process_finalization_requests(NOW)
    assert account(authority, ALICE).principal == 40


def test_first_of_two_requests_counts() -> None:
    authority = open_books({ALICE: 100, BOB: 0})
    transfer = prepare(authority, ALICE, BOB, 60, NOW)
    for amount in (10, 20):
        authority.finalize_transfer(builders.finalize_transfer(transfer, amount), NOW)
    authority.process_finalization_requests(NOW)
    authority.finalize_transfer(builders.finalize_transfer(transfer, 30), NOW)
    authority.process_finalization_requests(NOW)
    assert account(authority, ALICE).principal == 90
    assert len(sent(authority, "FinalizedTransfer")) == 1
    authority.check_invariants()


def test_interest_is_kept_when_the_principal_falls() -> None:
    authority = open_books({ALICE: 1000, BOB: 0}, rate=100.0, params=Params(YEAR * 2))
    transfer = prepare(authority, ALICE, BOB, 0, NOW)
    assert commit(authority, [(transfer, 1500)], NOW + YEAR) == ["OK"]
    alice = account(authority, ALICE)
    assert alice.principal == -500
    assert alice.interest == 1000


def test_seqnum_wraps() -> None:
    authority = open_books({ALICE: 100, BOB: 0})
    account(authority, ALICE).last_change_seqnum = 2**31 - 1
    commit(authority, [(prepare(authority, ALICE, BOB, 1, NOW), 1)], NOW)
    assert account(authority, ALICE).last_change_seqnum == -(2**31)
