"""FinalizeTransfer."""

from datetime import date, timedelta

import pytest

from verification.model import builders
from verification.model.books import (
    account,
    commit,
    configure_root,
    open_books,
    pending_amounts,
    prepare,
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
from verification.model.money import MAX_INT64, T0
from verification.model.node import Node
from verification.model.state import Message, Params

# With these a transfer may be finalized after a year.
PATIENT = Params(commit_period=2 * YEAR)
WRONG_IDS: list[Message] = [
    {"debtor_id": 2},
    {"creditor_id": BOB},
    {"transfer_id": FIRST_TRANSFER_ID + 1},
    {"coordinator_type": "agent"},
    {"coordinator_id": BOB},
    {"coordinator_request_id": 2},
]


def test_commit(node: Node) -> None:
    open_books(node, {ALICE: 100, BOB: 0})
    transfer = prepare(node, ALICE, BOB, 60)
    before = account(node, ALICE)
    node.set_now(NOW + SECOND)
    assert commit(node, [(transfer, 40)]) == ["OK"]
    assert node.take_messages() == [
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
            "ts": NOW + SECOND,
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
            "committed_at": NOW + SECOND,
            "principal": 60,
            "previous_transfer_number": 1,
            "ts": NOW + SECOND,
        },
    ]
    assert account(node, ALICE) == {
        **before,
        "principal": 60,
        "total_locked_amount": 0,
        "pending_transfers_count": 0,
        "last_change_seqnum": before["last_change_seqnum"] + 1,
        "last_change_ts": NOW + SECOND,
        "last_transfer_number": 2,
        "last_transfer_committed_at": NOW + SECOND,
        "pending_account_update": True,
    }
    assert node.prepared_transfers() == []
    (change,) = node.pending_changes()
    assert (change["creditor_id"], change["other_creditor_id"]) == (BOB, ALICE)
    assert (change["principal_delta"], change["change_id"]) == (40, None)
    assert change["committed_at"] == NOW + SECOND
    assert (change["transfer_note"], change["transfer_note_format"]) == ("a note", "-")
    node.check_books()


def test_principal_of_account_transfers_is_the_running_one(node: Node) -> None:
    open_books(node, {ALICE: 910, BOB: 0})
    transfers = [prepare(node, ALICE, BOB, 3) for _ in range(3)]
    assert commit(node, [(transfer, 3) for transfer in transfers]) == ["OK"] * 3
    messages = node.take_messages()
    reported = [m for m in messages if m["type"] == "AccountTransfer"]
    assert [m["principal"] for m in reported] == [907, 904, 901]
    assert [m["transfer_number"] for m in reported] == [2, 3, 4]
    assert [m["previous_transfer_number"] for m in reported] == [1, 2, 3]
    finalized = [m for m in messages if m["type"] == "FinalizedTransfer"]
    assert [m["total_locked_amount"] for m in finalized] == [6, 3, 0]
    assert account(node, ALICE)["principal"] == 901
    assert account(node, ALICE)["last_change_seqnum"] == 4


def test_senders_do_not_mix(node: Node) -> None:
    open_books(node, {ALICE: 100, BOB: 200, CAROL: 0})
    pairs = [(ALICE, 10), (BOB, 20), (ALICE, 1), (BOB, 2)]
    transfers = [(prepare(node, sender, CAROL, amount), amount) for sender, amount in pairs]
    node.take_messages()
    node.receive(*[builders.finalize_transfer(t, amount) for t, amount in transfers])
    node.process_finalization_requests()
    reported = sent(node, "AccountTransfer")
    for sender, principals in ((ALICE, [90, 89]), (BOB, [180, 178])):
        assert [m["principal"] for m in reported if m["creditor_id"] == sender] == principals
    assert pending_amounts(node) == [10, 20, 1, 2]


def test_dismissal_is_never_too_late(node: Node) -> None:
    open_books(node, {ALICE: 100, BOB: 0})
    before = account(node, ALICE)
    transfer = prepare(node, ALICE, BOB, 60, final_interest_rate_ts=T0)
    node.update_account(DEBTOR, ALICE, last_interest_rate_change_ts=NOW)
    node.set_now(NOW + YEAR)
    assert commit(node, [(transfer, 0)]) == ["OK"]
    (finalized,) = node.take_messages()
    assert (finalized["committed_amount"], finalized["total_locked_amount"]) == (0, 0)
    assert account(node, ALICE) == {
        **before,
        "last_transfer_id": FIRST_TRANSFER_ID,
        "last_interest_rate_change_ts": NOW,
    }
    assert node.pending_changes() == []
    node.check_books()


@pytest.mark.parametrize(
    ("delay", "status_code"), [(90 * DAY, "OK"), (90 * DAY + MICROSECOND, "TIMEOUT")]
)
def test_deadline(node: Node, delay: timedelta, status_code: str) -> None:
    open_books(node, {ALICE: 100, BOB: 0})
    transfer = prepare(node, ALICE, BOB, 60)
    node.set_now(NOW + delay)
    assert commit(node, [(transfer, 60)]) == [status_code]
    alice = account(node, ALICE)
    assert (alice["total_locked_amount"], alice["pending_transfers_count"]) == (0, 0)
    assert alice["principal"] == (40 if status_code == "OK" else 100)
    assert len(node.pending_changes()) == (status_code == "OK")


def test_first_fault_decides(node: Node) -> None:
    open_books(node, {ALICE: 100, BOB: 0})
    transfers = [
        prepare(node, ALICE, BOB, 10, final_interest_rate_ts=NOW, max_commit_delay=delay)
        for delay in (0, 1)
    ]
    node.set_now(NOW + MICROSECOND)
    node.update_account(DEBTOR, ALICE, last_interest_rate_change_ts=NOW + MICROSECOND)
    codes = commit(node, [(transfer, 1000) for transfer in transfers])
    assert codes == ["TIMEOUT", "NEWER_INTEREST_RATE"]


def test_failed_commit_reports_amount_0(node: Node) -> None:
    open_books(node, {ALICE: 100, BOB: 0})
    transfer = prepare(node, ALICE, BOB, 60)
    seqnum = account(node, ALICE)["last_change_seqnum"]
    assert commit(node, [(transfer, 101)]) == ["INSUFFICIENT_AVAILABLE_AMOUNT"]
    (finalized,) = node.take_messages()
    assert finalized["committed_amount"] == 0
    assert node.pending_changes() == node.prepared_transfers() == []
    assert account(node, ALICE)["last_change_seqnum"] == seqnum


def test_interest_rate_must_not_have_changed(node: Node) -> None:
    open_books(node, {ALICE: 100, BOB: 0})
    now = NOW + 30 * DAY
    transfers = [
        prepare(node, ALICE, BOB, 10, final_interest_rate_ts=ts) for ts in (now - MICROSECOND, now)
    ]
    node.set_now(now)
    node.perform_chore(builders.chore("ChangeInterestRate", ALICE, interest_rate=7.0, ts=now))
    assert account(node, ALICE)["last_interest_rate_change_ts"] == now
    codes = commit(node, [(transfer, 10) for transfer in transfers])
    assert codes == ["NEWER_INTEREST_RATE", "OK"]


def test_more_than_the_lock_is_committed_from_what_is_expendable(node: Node) -> None:
    open_books(node, {ALICE: 100, BOB: 0})
    first, second, third = (prepare(node, ALICE, BOB, 10) for _ in range(3))
    # 70 are free: with its lock the first may take 80, which leaves 20 for the others;
    # the second may take no more than its lock of 10, and so may the third.
    codes = commit(node, [(first, 80), (second, 11), (third, 10)])
    assert codes == ["OK", "INSUFFICIENT_AVAILABLE_AMOUNT", "OK"]
    assert account(node, ALICE)["principal"] == 10


def test_released_lock_serves_those_behind_it(node: Node) -> None:
    open_books(node, {ALICE: 100, BOB: 0})
    first, second = prepare(node, ALICE, BOB, 60), prepare(node, ALICE, BOB, 40)
    assert commit(node, [(first, 0), (second, 100)]) == ["OK", "OK"]
    assert account(node, ALICE)["principal"] == 0


@pytest.mark.parametrize(
    ("amount", "status_code"), [(300, "OK"), (301, "INSUFFICIENT_AVAILABLE_AMOUNT")]
)
def test_lock_guarantees_the_amount_after_demurrage(
    node: Node, amount: int, status_code: str
) -> None:
    node.set_params(PATIENT)
    open_books(node, {ALICE: 1000, BOB: 0}, rate=-50.0)
    first, second = prepare(node, ALICE, BOB, 600), prepare(node, ALICE, BOB, 400)
    node.set_now(NOW + YEAR)
    # After a year 500 of 1000 remain. The first has 500 - 400 = 100 for itself, yet
    # half of its lock is safe.
    assert commit(node, [(first, amount)]) == [status_code]
    assert account(node, ALICE)["principal"] == (700 if status_code == "OK" else 1000)
    assert commit(node, [(second, 200)]) == ["OK"]


@pytest.mark.parametrize(
    ("amount", "status_code"), [(100, "OK"), (101, "INSUFFICIENT_AVAILABLE_AMOUNT")]
)
def test_lock_of_a_root_account_guarantees_the_whole_amount(
    node: Node, amount: int, status_code: str
) -> None:
    node.set_params(PATIENT)
    open_books(node, {ALICE: 0})
    transfer = prepare(node, ROOT, ALICE, 100, "issuing")
    configure_root(node, NOW + SECOND, limit=0)
    node.set_now(NOW + YEAR)
    assert commit(node, [(transfer, amount)]) == [status_code]
    assert account(node, ROOT)["principal"] == (-100 if status_code == "OK" else 0)
    assert [m["type"] for m in node.take_messages()] == ["FinalizedTransfer"]
    assert account(node, ROOT)["last_transfer_number"] == 0


@pytest.mark.parametrize(
    ("amount", "status_code"), [(60, "OK"), (61, "INSUFFICIENT_AVAILABLE_AMOUNT")]
)
def test_lock_guarantees_the_whole_amount_at_first(
    node: Node, amount: int, status_code: str
) -> None:
    open_books(node, {ALICE: 100, BOB: 0})
    transfer = prepare(node, ALICE, BOB, 60)
    node.receive(builders.pending_balance_change(ALICE, -100))
    node.process_balance_changes()
    assert commit(node, [(transfer, amount)]) == [status_code]
    assert account(node, ALICE)["principal"] == (-60 if status_code == "OK" else 0)


@pytest.mark.parametrize("wrong_id", WRONG_IDS)
@pytest.mark.parametrize("is_first", [True, False])
def test_all_ids_must_match(node: Node, wrong_id: Message, is_first: bool) -> None:
    open_books(node, {ALICE: 100, BOB: 0})
    transfer = prepare(node, ALICE, BOB, 60)
    right = builders.finalize_transfer(transfer, 60)
    wrong = {**right, **wrong_id}
    before = account(node, ALICE)
    node.take_messages()
    node.receive(wrong)
    node.process_finalization_requests()
    assert account(node, ALICE) == before
    assert len(node.prepared_transfers()) == 1
    assert node.finalization_requests() == node.take_messages() == []
    # Nor does it stand in the way of the right one, when both are queued.
    node.receive(*((wrong, right) if is_first else (right, wrong)))
    node.process_finalization_requests()
    assert account(node, ALICE)["principal"] == 40


@pytest.mark.parametrize("is_one_batch", [True, False])
def test_first_of_two_requests_counts(node: Node, is_one_batch: bool) -> None:
    open_books(node, {ALICE: 100, BOB: 0})
    transfer = prepare(node, ALICE, BOB, 60)
    node.take_messages()
    first, second = (builders.finalize_transfer(transfer, amount) for amount in (10, 20))
    if is_one_batch:
        node.receive(first, second)
    else:
        node.receive(first)
        node.receive(second)
    node.process_finalization_requests()
    node.receive(builders.finalize_transfer(transfer, 30))
    node.process_finalization_requests()
    assert account(node, ALICE)["principal"] == 90
    assert [m["committed_amount"] for m in sent(node, "FinalizedTransfer")] == [10]
    assert len(node.pending_changes()) == 1
    assert node.finalization_requests() == []
    node.check_books()


@pytest.mark.parametrize("amount", [2**53 + 1, 2**62 + 1, MAX_INT64])
def test_big_amounts_are_exact(node: Node, amount: int) -> None:
    open_books(node, {ALICE: amount, BOB: 0})
    assert commit(node, [(prepare(node, ALICE, BOB, amount), amount)]) == ["OK"]
    assert account(node, ALICE)["principal"] == 0
    node.process_balance_changes()
    assert account(node, BOB)["principal"] == amount


def test_demurrage_of_a_big_lock_is_exact(node: Node) -> None:
    node.set_params(PATIENT)
    open_books(node, {ALICE: MAX_INT64, BOB: 0}, rate=-50.0)
    (first, second) = (prepare(node, ALICE, BOB, 2**62 - 1), prepare(node, ALICE, BOB, 2**62))
    node.set_now(NOW + YEAR)
    assert commit(node, [(second, 2**61 + 1)]) == ["INSUFFICIENT_AVAILABLE_AMOUNT"]
    # The other lock is safe; what the second released is free.
    assert commit(node, [(first, 2**62)]) == ["INSUFFICIENT_AVAILABLE_AMOUNT"]


def test_debt_of_the_root_account_is_contained(node: Node) -> None:
    open_books(node, {ALICE: 0})
    transfers = [prepare(node, ROOT, ALICE, 10, "issuing") for _ in range(2)]
    node.update_account(DEBTOR, ROOT, principal=-MAX_INT64 + 15)
    assert commit(node, [(transfer, 10) for transfer in transfers]) == ["OK", "OK"]
    root = account(node, ROOT)
    assert (root["principal"], root["status_flags"]) == (-MAX_INT64, 2)
    assert pending_amounts(node) == [10, 10]


def test_overflow_bit_stays(node: Node) -> None:
    open_books(node, {ALICE: 100, BOB: 0})
    node.update_account(DEBTOR, ALICE, status_flags=2)
    commit(node, [(prepare(node, ALICE, BOB, 10), 10)])
    assert account(node, ALICE)["status_flags"] == 2


@pytest.mark.parametrize(
    ("amount", "status_code", "principal", "interest"),
    [
        (1500, "OK", -500, 1000),
        (2000, "OK", -1000, 1000),
        (2001, "INSUFFICIENT_AVAILABLE_AMOUNT", 1000, 0),
    ],
)
def test_interest_is_kept_when_the_principal_falls(
    node: Node, amount: int, status_code: str, principal: int, interest: int
) -> None:
    node.set_params(PATIENT)
    open_books(node, {ALICE: 1000, BOB: 0}, rate=100.0)
    transfer = prepare(node, ALICE, BOB, 0)
    node.set_now(NOW + YEAR)
    assert commit(node, [(transfer, amount)]) == [status_code]
    alice = account(node, ALICE)
    assert (alice["principal"], alice["interest"]) == (principal, interest)


@pytest.mark.parametrize(("seqnum", "last"), [(2**31 - 2, -(2**31)), (2**31 - 1, -(2**31) + 1)])
def test_seqnum_wraps(node: Node, seqnum: int, last: int) -> None:
    open_books(node, {ALICE: 100, BOB: 0})
    node.update_account(DEBTOR, ALICE, last_change_seqnum=seqnum)
    commit(node, [(prepare(node, ALICE, BOB, 1), 1) for _ in range(2)])
    assert account(node, ALICE)["last_change_seqnum"] == last


@pytest.mark.parametrize(
    ("note", "note_format"), [("", ""), ("ĵaŭdo ½ 🂡" * 20, "json.1-Z"), ("\n\t\\'\"", "-")]
)
def test_notes_come_through_unchanged(node: Node, note: str, note_format: str) -> None:
    open_books(node, {ALICE: 100, BOB: 0})
    message = builders.finalize_transfer(prepare(node, ALICE, BOB, 1), 1)
    node.take_messages()
    node.receive({**message, "transfer_note": note, "transfer_note_format": note_format})
    node.process_finalization_requests()
    node.process_balance_changes()
    for transfer in sent(node, "AccountTransfer"):
        assert (transfer["transfer_note"], transfer["transfer_note_format"]) == (note, note_format)


def test_clock_that_goes_back_does_no_harm(node: Node) -> None:
    open_books(node, {ALICE: 100, BOB: 0}, rate=100.0)
    transfer = prepare(node, ALICE, BOB, 60)
    node.set_now(NOW - DAY)
    assert commit(node, [(transfer, 60)]) == ["OK"]
    alice = account(node, ALICE)
    assert (alice["principal"], alice["interest"]) == (40, 0)
    assert alice["last_change_ts"] == NOW
    (finalized,) = sent(node, "FinalizedTransfer")
    assert finalized["ts"] == NOW
