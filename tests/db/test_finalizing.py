"""FinalizeTransfer."""

from datetime import date, timedelta

import pytest

from swpt_accounts.stages.stages import FINALIZING
from tests.db.books import account, commit, configure_root, open_books, prepare, prepared, sent
from tests.db.shard import Shard
from tests.model import builders
from tests.model.builders import (
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
from tests.model.money import MAX_INT64, T0
from tests.model.state import Message

WRONG_IDS: list[Message] = [
    {"debtor_id": 2},
    {"creditor_id": BOB},
    {"transfer_id": FIRST_TRANSFER_ID + 1},
    {"coordinator_type": "agent"},
    {"coordinator_id": BOB},
    {"coordinator_request_id": 2},
]


def test_commit(shard: Shard) -> None:
    open_books(shard, {ALICE: 100, BOB: 0})
    transfer = prepare(shard, ALICE, BOB, 60)
    before = account(shard, ALICE)
    shard.set_now(NOW + SECOND)
    assert commit(shard, [(transfer, 40)]) == ["OK"]
    assert shard.take_messages() == [
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
    assert account(shard, ALICE) == {
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
    assert prepared(shard, ALICE) == []
    (change,) = shard.rows("pending_balance_change")
    assert (change["creditor_id"], change["other_creditor_id"]) == (BOB, ALICE)
    assert (change["principal_delta"], change["is_registered"]) == (40, False)
    assert change["committed_at"] == NOW + SECOND
    assert (change["transfer_note"], change["transfer_note_format"]) == ("a note", "-")


def test_principal_of_account_transfers_is_the_running_one(shard: Shard) -> None:
    open_books(shard, {ALICE: 910, BOB: 0})
    transfers = [prepare(shard, ALICE, BOB, 3) for _ in range(3)]
    assert commit(shard, [(transfer, 3) for transfer in transfers]) == ["OK"] * 3
    messages = shard.take_messages()
    reported = [m for m in messages if m["type"] == "AccountTransfer"]
    assert [m["principal"] for m in reported] == [907, 904, 901]
    assert [m["transfer_number"] for m in reported] == [2, 3, 4]
    assert [m["previous_transfer_number"] for m in reported] == [1, 2, 3]
    finalized = [m for m in messages if m["type"] == "FinalizedTransfer"]
    assert [m["total_locked_amount"] for m in finalized] == [6, 3, 0]
    assert account(shard, ALICE)["principal"] == 901
    assert account(shard, ALICE)["last_change_seqnum"] == 4


def test_senders_do_not_mix(shard: Shard) -> None:
    open_books(shard, {ALICE: 100, BOB: 200, CAROL: 0})
    pairs = [(ALICE, 10), (BOB, 20), (ALICE, 1), (BOB, 2)]
    transfers = [(prepare(shard, sender, CAROL, amount), amount) for sender, amount in pairs]
    shard.take_messages()
    shard.receive(*[builders.finalize_transfer(t, amount) for t, amount in transfers])
    shard.process_finalization_requests()
    reported = sent(shard, "AccountTransfer")
    for sender, principals in ((ALICE, [90, 89]), (BOB, [180, 178])):
        assert [m["principal"] for m in reported if m["creditor_id"] == sender] == principals
    assert [r["principal_delta"] for r in shard.rows("pending_balance_change")] == [10, 20, 1, 2]


def test_dismissal_is_never_too_late(shard: Shard) -> None:
    open_books(shard, {ALICE: 100, BOB: 0})
    before = account(shard, ALICE)
    transfer = prepare(shard, ALICE, BOB, 60, final_interest_rate_ts=T0)
    shard.update_account(DEBTOR, ALICE, last_interest_rate_change_ts=NOW)
    shard.set_now(NOW + YEAR)
    assert commit(shard, [(transfer, 0)]) == ["OK"]
    (finalized,) = shard.take_messages()
    assert (finalized["committed_amount"], finalized["total_locked_amount"]) == (0, 0)
    assert account(shard, ALICE) == {
        **before,
        "last_transfer_id": FIRST_TRANSFER_ID,
        "last_interest_rate_change_ts": NOW,
    }
    assert shard.rows("pending_balance_change") == []


@pytest.mark.parametrize(
    ("delay", "status_code"), [(90 * DAY, "OK"), (90 * DAY + MICROSECOND, "TIMEOUT")]
)
def test_deadline(shard: Shard, delay: timedelta, status_code: str) -> None:
    open_books(shard, {ALICE: 100, BOB: 0})
    transfer = prepare(shard, ALICE, BOB, 60)
    shard.set_now(NOW + delay)
    assert commit(shard, [(transfer, 60)]) == [status_code]
    alice = account(shard, ALICE)
    assert (alice["total_locked_amount"], alice["pending_transfers_count"]) == (0, 0)
    assert alice["principal"] == (40 if status_code == "OK" else 100)
    assert len(shard.rows("pending_balance_change")) == (status_code == "OK")


def test_first_fault_decides(shard: Shard) -> None:
    open_books(shard, {ALICE: 100, BOB: 0})
    transfers = [prepare(shard, ALICE, BOB, 10, final_interest_rate_ts=NOW) for _ in range(2)]
    shard.connection.raw.execute(
        "UPDATE prepared_transfer SET deadline = %s WHERE transfer_id = %s",
        [NOW - MICROSECOND, transfers[0].transfer_id],
    )
    shard.update_account(DEBTOR, ALICE, last_interest_rate_change_ts=NOW + MICROSECOND)
    codes = commit(shard, [(transfer, 1000) for transfer in transfers])
    assert codes == ["TIMEOUT", "NEWER_INTEREST_RATE"]


def test_failed_commit_reports_amount_0(shard: Shard) -> None:
    open_books(shard, {ALICE: 100, BOB: 0})
    transfer = prepare(shard, ALICE, BOB, 60)
    seqnum = account(shard, ALICE)["last_change_seqnum"]
    assert commit(shard, [(transfer, 101)]) == ["INSUFFICIENT_AVAILABLE_AMOUNT"]
    (finalized,) = shard.take_messages()
    assert finalized["committed_amount"] == 0
    assert shard.rows("pending_balance_change") == []
    assert prepared(shard, ALICE) == []
    assert account(shard, ALICE)["last_change_seqnum"] == seqnum


def test_interest_rate_must_not_have_changed(shard: Shard) -> None:
    open_books(shard, {ALICE: 100, BOB: 0})
    now = NOW + 30 * DAY
    transfers = [
        prepare(shard, ALICE, BOB, 10, final_interest_rate_ts=ts) for ts in (now - MICROSECOND, now)
    ]
    shard.set_now(now)
    shard.perform_chore(builders.chore("ChangeInterestRate", ALICE, interest_rate=7.0, ts=now))
    assert account(shard, ALICE)["last_interest_rate_change_ts"] == now
    codes = commit(shard, [(transfer, 10) for transfer in transfers])
    assert codes == ["NEWER_INTEREST_RATE", "OK"]


def test_more_than_the_lock_is_committed_from_what_is_expendable(shard: Shard) -> None:
    open_books(shard, {ALICE: 100, BOB: 0})
    first, second, third = (prepare(shard, ALICE, BOB, 10) for _ in range(3))
    # 70 are free: with its lock the first may take 80, which leaves 20 for the others;
    # the second may take no more than its lock of 10, and so may the third.
    codes = commit(shard, [(first, 80), (second, 11), (third, 10)])
    assert codes == ["OK", "INSUFFICIENT_AVAILABLE_AMOUNT", "OK"]
    assert account(shard, ALICE)["principal"] == 10


def test_released_lock_serves_those_behind_it(shard: Shard) -> None:
    open_books(shard, {ALICE: 100, BOB: 0})
    first, second = prepare(shard, ALICE, BOB, 60), prepare(shard, ALICE, BOB, 40)
    assert commit(shard, [(first, 0), (second, 100)]) == ["OK", "OK"]
    assert account(shard, ALICE)["principal"] == 0


@pytest.mark.parametrize(
    ("amount", "status_code"), [(300, "OK"), (301, "INSUFFICIENT_AVAILABLE_AMOUNT")]
)
def test_lock_guarantees_the_amount_after_demurrage(
    shard: Shard, amount: int, status_code: str
) -> None:
    open_books(shard, {ALICE: 1000, BOB: 0}, rate=-50.0)
    first, second = prepare(shard, ALICE, BOB, 600), prepare(shard, ALICE, BOB, 400)
    shard.connection.raw.execute("UPDATE prepared_transfer SET deadline = 'infinity'")
    shard.set_now(NOW + YEAR)
    # After a year 500 of 1000 remain. The first has 500 - 400 = 100 for itself, yet
    # half of its lock is safe.
    assert commit(shard, [(first, amount)]) == [status_code]
    assert account(shard, ALICE)["principal"] == (700 if status_code == "OK" else 1000)
    assert commit(shard, [(second, 200)]) == ["OK"]


@pytest.mark.parametrize(
    ("amount", "status_code"), [(100, "OK"), (101, "INSUFFICIENT_AVAILABLE_AMOUNT")]
)
def test_lock_of_a_root_account_guarantees_the_whole_amount(
    shard: Shard, amount: int, status_code: str
) -> None:
    open_books(shard, {ALICE: 0})
    transfer = prepare(shard, ROOT, ALICE, 100, "issuing")
    configure_root(shard, NOW + SECOND, limit=0)
    shard.set_now(NOW + 90 * DAY)
    assert commit(shard, [(transfer, amount)]) == [status_code]
    assert account(shard, ROOT)["principal"] == (-100 if status_code == "OK" else 0)
    assert [m["type"] for m in shard.take_messages()] == ["FinalizedTransfer"]
    assert account(shard, ROOT)["last_transfer_number"] == 0


@pytest.mark.parametrize(
    ("amount", "status_code"), [(60, "OK"), (61, "INSUFFICIENT_AVAILABLE_AMOUNT")]
)
def test_lock_guarantees_the_whole_amount_at_first(
    shard: Shard, amount: int, status_code: str
) -> None:
    open_books(shard, {ALICE: 100, BOB: 0})
    transfer = prepare(shard, ALICE, BOB, 60)
    shard.receive(builders.pending_balance_change(ALICE, -100))
    shard.process_balance_changes()
    assert commit(shard, [(transfer, amount)]) == [status_code]
    assert account(shard, ALICE)["principal"] == (-60 if status_code == "OK" else 0)


@pytest.mark.parametrize("wrong_id", WRONG_IDS)
@pytest.mark.parametrize("is_first", [True, False])
def test_all_ids_must_match(shard: Shard, wrong_id: Message, is_first: bool) -> None:
    open_books(shard, {ALICE: 100, BOB: 0})
    transfer = prepare(shard, ALICE, BOB, 60)
    right = builders.finalize_transfer(transfer, 60)
    wrong = {**right, **wrong_id}
    before = account(shard, ALICE)
    shard.take_messages()
    shard.receive(wrong)
    shard.process_finalization_requests()
    assert account(shard, ALICE) == before
    assert shard.rows("finalization_request") == shard.take_messages() == []
    # Nor does it stand in the way of the right one, when both are queued.
    shard.receive(*((wrong, right) if is_first else (right, wrong)))
    shard.process_finalization_requests()
    assert account(shard, ALICE)["principal"] == 40


@pytest.mark.parametrize("is_one_batch", [True, False])
def test_first_of_two_requests_counts(shard: Shard, is_one_batch: bool) -> None:
    open_books(shard, {ALICE: 100, BOB: 0})
    transfer = prepare(shard, ALICE, BOB, 60)
    shard.take_messages()
    first, second = (builders.finalize_transfer(transfer, amount) for amount in (10, 20))
    if is_one_batch:
        shard.receive(first, second)
    else:
        shard.receive(first)
        shard.receive(second)
    shard.process_finalization_requests()
    shard.receive(builders.finalize_transfer(transfer, 30))
    shard.process_finalization_requests()
    assert account(shard, ALICE)["principal"] == 90
    assert [m["committed_amount"] for m in sent(shard, "FinalizedTransfer")] == [10]
    assert len(shard.rows("pending_balance_change")) == 1
    assert shard.rows("finalization_request") == []


def test_second_request_in_a_later_batch_of_the_stage(shard: Shard) -> None:
    open_books(shard, {ALICE: 100, BOB: 0})
    transfer = prepare(shard, ALICE, BOB, 60)
    shard.receive(*[builders.finalize_transfer(transfer, amount) for amount in (10, 20)])
    for _ in range(2):
        taken, seen, _ = shard.run_stage(FINALIZING, count_max=1)
        assert (taken, seen) == (1, 1)
    assert account(shard, ALICE)["principal"] == 90
    assert len(sent(shard, "FinalizedTransfer")) == 1


@pytest.mark.parametrize("amount", [2**53 + 1, 2**62 + 1, MAX_INT64])
def test_big_amounts_are_exact(shard: Shard, amount: int) -> None:
    open_books(shard, {ALICE: amount, BOB: 0})
    assert commit(shard, [(prepare(shard, ALICE, BOB, amount), amount)]) == ["OK"]
    assert account(shard, ALICE)["principal"] == 0
    shard.process_balance_changes()
    assert account(shard, BOB)["principal"] == amount


def test_demurrage_of_a_big_lock_is_exact(shard: Shard) -> None:
    open_books(shard, {ALICE: MAX_INT64, BOB: 0}, rate=-50.0)
    (first, second) = (prepare(shard, ALICE, BOB, 2**62 - 1), prepare(shard, ALICE, BOB, 2**62))
    shard.connection.raw.execute("UPDATE prepared_transfer SET deadline = 'infinity'")
    shard.set_now(NOW + YEAR)
    assert commit(shard, [(second, 2**61 + 1)]) == ["INSUFFICIENT_AVAILABLE_AMOUNT"]
    # The other lock is safe; what the second released is free.
    assert commit(shard, [(first, 2**62)]) == ["INSUFFICIENT_AVAILABLE_AMOUNT"]


def test_debt_of_the_root_account_is_contained(shard: Shard) -> None:
    open_books(shard, {ALICE: 0})
    transfers = [prepare(shard, ROOT, ALICE, 10, "issuing") for _ in range(2)]
    shard.update_account(DEBTOR, ROOT, principal=-MAX_INT64 + 15)
    assert commit(shard, [(transfer, 10) for transfer in transfers]) == ["OK", "OK"]
    root = account(shard, ROOT)
    assert (root["principal"], root["status_flags"]) == (-MAX_INT64, 2)
    assert [r["principal_delta"] for r in shard.rows("pending_balance_change")] == [10, 10]


def test_overflow_bit_stays(shard: Shard) -> None:
    open_books(shard, {ALICE: 100, BOB: 0})
    shard.update_account(DEBTOR, ALICE, status_flags=2)
    commit(shard, [(prepare(shard, ALICE, BOB, 10), 10)])
    assert account(shard, ALICE)["status_flags"] == 2


def test_interest_is_kept_when_the_principal_falls(shard: Shard) -> None:
    open_books(shard, {ALICE: 1000, BOB: 0}, rate=100.0)
    transfer = prepare(shard, ALICE, BOB, 0)
    shard.connection.raw.execute("UPDATE prepared_transfer SET deadline = 'infinity'")
    shard.set_now(NOW + YEAR)
    assert commit(shard, [(transfer, 2001)]) == ["INSUFFICIENT_AVAILABLE_AMOUNT"]
    shard.set_now(NOW)
    transfer = prepare(shard, ALICE, BOB, 0)
    shard.connection.raw.execute("UPDATE prepared_transfer SET deadline = 'infinity'")
    shard.set_now(NOW + YEAR)
    assert commit(shard, [(transfer, 2000)]) == ["OK"]
    alice = account(shard, ALICE)
    assert (alice["principal"], alice["interest"]) == (-1000, 1000)


@pytest.mark.parametrize(("seqnum", "last"), [(2**31 - 2, -(2**31)), (2**31 - 1, -(2**31) + 1)])
def test_seqnum_wraps(shard: Shard, seqnum: int, last: int) -> None:
    open_books(shard, {ALICE: 100, BOB: 0})
    shard.update_account(DEBTOR, ALICE, last_change_seqnum=seqnum)
    commit(shard, [(prepare(shard, ALICE, BOB, 1), 1) for _ in range(2)])
    assert account(shard, ALICE)["last_change_seqnum"] == last


@pytest.mark.parametrize(
    ("note", "note_format"), [("", ""), ("ĵaŭdo ½ 🂡" * 20, "json.1-Z"), ("\n\t\\'\"", "-")]
)
def test_notes_come_through_unchanged(shard: Shard, note: str, note_format: str) -> None:
    open_books(shard, {ALICE: 100, BOB: 0})
    message = builders.finalize_transfer(prepare(shard, ALICE, BOB, 1), 1)
    shard.take_messages()
    shard.receive({**message, "transfer_note": note, "transfer_note_format": note_format})
    shard.process_finalization_requests()
    shard.process_balance_changes()
    for transfer in sent(shard, "AccountTransfer"):
        assert (transfer["transfer_note"], transfer["transfer_note_format"]) == (note, note_format)


def test_clock_that_goes_back_does_no_harm(shard: Shard) -> None:
    open_books(shard, {ALICE: 100, BOB: 0}, rate=100.0)
    transfer = prepare(shard, ALICE, BOB, 60)
    shard.set_now(NOW - DAY)
    assert commit(shard, [(transfer, 60)]) == ["OK"]
    alice = account(shard, ALICE)
    assert (alice["principal"], alice["interest"]) == (40, 0)
    assert alice["last_change_ts"] == NOW
    (finalized,) = sent(shard, "FinalizedTransfer")
    assert finalized["ts"] == NOW
