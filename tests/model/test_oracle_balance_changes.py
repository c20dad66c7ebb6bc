"""Examples by hand: balance changes, of this shard and of others."""

from datetime import date
from decimal import Decimal

import pytest

from . import builders
from .books import account, commit, configure_root, delete_account, open_books, prepare, sent
from .builders import ALICE, BOB, DAY, DEBTOR, MICROSECOND, NOW, ROOT, SECOND, YEAR
from .money import MAX_INT64, T0
from .oracle import Authority
from .state import Params


def test_recipient_gets_what_the_sender_paid() -> None:
    authority = open_books({ALICE: 100, BOB: 0})
    transfer = prepare(authority, ALICE, BOB, 60, NOW)
    commit(authority, [(transfer, 40)], NOW + SECOND)
    authority.outbox.clear()
    authority.process_balance_changes(NOW + 2 * SECOND)
    assert authority.outbox == [
        {
            "type": "AccountTransfer",
            "debtor_id": DEBTOR,
            "creditor_id": BOB,
            "creation_date": date(2024, 5, 20),
            "transfer_number": 1,
            "coordinator_type": "direct",
            "sender": "1099511627777",
            "recipient": "1099511627778",
            "acquired_amount": 40,
            "transfer_note": "a note",
            "transfer_note_format": "-",
            "committed_at": NOW + SECOND,
            "principal": 40,
            "previous_transfer_number": 0,
            "ts": NOW + 2 * SECOND,
        }
    ]
    bob = account(authority, BOB)
    assert (bob.principal, bob.last_change_seqnum) == (40, 1)
    assert bob.pending_account_update
    assert bob.last_transfer_committed_at == NOW + SECOND
    authority.check_invariants()


def test_change_is_applied_once() -> None:
    authority = open_books({ALICE: 0})
    for principal_delta in (5, 5, 6):
        message = builders.pending_balance_change(ALICE, principal_delta)
        authority.receive_pending_balance_change(message, NOW)
    authority.process_balance_changes(NOW)
    authority.receive_pending_balance_change(message, NOW)
    authority.process_balance_changes(NOW)
    assert account(authority, ALICE).principal == 5
    for other_ids in ({"change_id": 2}, {"other_creditor_id": BOB}, {"debtor_id": 7}):
        authority.receive_pending_balance_change({**message, **other_ids}, NOW)
    authority.process_balance_changes(NOW)
    assert account(authority, ALICE).principal == 5 + 6 + 6
    assert authority.accounts[7, ALICE].principal == 6
    authority.check_invariants()


def test_too_old_change_is_ignored() -> None:
    authority = Authority(Params(archive_threshold=NOW))
    for change_id, committed_at in ((1, NOW - MICROSECOND), (2, NOW)):
        message = builders.pending_balance_change(ALICE, 5, committed_at, change_id=change_id)
        authority.receive_pending_balance_change(message, NOW)
    assert list(authority.registered_changes) == [(DEBTOR, ROOT, 2)]
    assert len(authority.pending_changes) == 1


def test_changes_of_an_account_are_applied_together() -> None:
    authority = open_books({ALICE: 100})
    for change_id, delta in ((1, 5), (2, -7), (3, 10)):
        message = builders.pending_balance_change(
            ALICE, delta, change_id=change_id, other_creditor_id=BOB
        )
        authority.receive_pending_balance_change(message, NOW)
    authority.process_balance_changes(NOW)
    messages = sent(authority, "AccountTransfer")
    assert [message["acquired_amount"] for message in messages] == [5, -7, 10]
    assert [message["principal"] for message in messages] == [105, 98, 108]
    assert [message["transfer_number"] for message in messages] == [2, 3, 4]
    alice, bob = "1099511627777", "1099511627778"
    assert [message["sender"] for message in messages] == [bob, alice, bob]
    assert [message["recipient"] for message in messages] == [alice, bob, alice]
    assert account(authority, ALICE).last_change_seqnum == 2
    assert account(authority, ALICE).principal == 108


def test_missing_account_is_created() -> None:
    authority = Authority()
    configure_root(authority, NOW, rate=100.0)
    authority.outbox.clear()
    message = builders.pending_balance_change(ALICE, 50, NOW - YEAR)
    authority.receive_pending_balance_change(message, NOW)
    authority.process_balance_changes(NOW)
    transfer, update = authority.outbox
    assert (transfer["type"], transfer["principal"]) == ("AccountTransfer", 50)
    assert (update["type"], update["principal"]) == ("AccountUpdate", 50)
    assert (update["config_flags"], update["negligible_amount"]) == (0, 0.0)
    assert (update["last_config_ts"], update["last_config_seqnum"]) == (T0, 0)
    assert (update["last_change_seqnum"], update["last_transfer_number"]) == (1, 1)
    # Before the account existed there was no interest to miss.
    assert (update["interest"], update["interest_rate"]) == (0, 100.0)
    assert update["last_interest_rate_change_ts"] == NOW
    assert not account(authority, ALICE).pending_account_update


def test_deleted_account_is_undeleted() -> None:
    authority = open_books({ALICE: 100, BOB: 0}, rate=5.5)
    transfer = prepare(authority, ALICE, BOB, 40, NOW)
    delete_account(authority, BOB, NOW + SECOND)
    configure_root(authority, NOW + SECOND, rate=7.0)
    commit(authority, [(transfer, 40)], NOW + SECOND)
    authority.outbox.clear()
    authority.process_balance_changes(NOW + SECOND)
    bob = account(authority, BOB)
    assert (bob.principal, bob.status_flags, bob.config_flags) == (40, 0, 1)
    assert bob.interest_rate == 5.5
    assert [message["type"] for message in authority.outbox] == ["AccountUpdate"]
    authority.check_invariants()


def test_root_account_receives_always() -> None:
    authority = Authority()
    message = builders.pending_balance_change(ROOT, -50, NOW - YEAR, other_creditor_id=ALICE)
    authority.receive_pending_balance_change(message, NOW)
    authority.process_balance_changes(NOW)
    root = account(authority, ROOT)
    assert root.principal == -50
    assert root.interest == root.interest_rate == 0
    assert [message["type"] for message in authority.outbox] == ["AccountUpdate"]


@pytest.mark.parametrize(
    ("negligible_amount", "amount", "coordinator_type", "is_sent"),
    [
        (16777216.0, 16777216, "direct", False),
        (16777216.0, 16777217, "direct", True),
        (16777216.0, 1, "direct", False),
        (16777216.0, 1, "agent", True),
        (16777216.0, -1, "direct", True),
        (0.0, 1, "direct", True),
    ],
)
def test_negligible_transfers(
    negligible_amount: float, amount: int, coordinator_type: str, is_sent: bool
) -> None:
    authority = open_books({ALICE: 100})
    authority.configure_account(
        builders.configure_account(ALICE, NOW + DAY, negligible_amount=negligible_amount), NOW
    )
    message = builders.pending_balance_change(ALICE, amount, coordinator_type=coordinator_type)
    authority.receive_pending_balance_change(message, NOW)
    authority.process_balance_changes(NOW)
    assert len(sent(authority, "AccountTransfer")) == is_sent
    assert account(authority, ALICE).last_transfer_number == 1 + is_sent
    assert account(authority, ALICE).principal == 100 + amount


@pytest.mark.parametrize(("amount", "interest"), [(1000, 1000), (-1000, -1000), (7, 7)])
def test_missed_interest_is_made_up_for(amount: int, interest: int) -> None:
    authority = open_books({ALICE: 0}, rate=100.0)
    message = builders.pending_balance_change(ALICE, amount, NOW)
    authority.receive_pending_balance_change(message, NOW + YEAR)
    authority.process_balance_changes(NOW + YEAR)
    assert account(authority, ALICE).principal == amount
    assert account(authority, ALICE).interest == interest


def test_missed_interest_at_two_rates() -> None:
    authority = open_books({ALICE: 0}, rate=21.0)
    half, now = NOW + YEAR / 2, NOW + YEAR
    rate_change = builders.chore("ChangeInterestRate", ALICE, interest_rate=-50.0, ts=half)
    authority.change_interest_rate(rate_change, half)
    for change_id, committed_at in ((1, NOW), (2, half), (3, now), (4, now + YEAR)):
        message = builders.pending_balance_change(ALICE, 1000, committed_at, change_id=change_id)
        authority.receive_pending_balance_change(message, now)
    authority.process_balance_changes(now)
    # Half a year at 21 percent gives 1.1 times the amount, at -50 percent the square root
    # of 1/2. For the last two no time has passed.
    root_of_half = Decimal("0.7071067811865475244008444")
    expected = 1000 * (Decimal("1.1") * root_of_half - 1) + 1000 * (root_of_half - 1)
    assert abs(account(authority, ALICE).interest - expected) <= Decimal("1e-19")


@pytest.mark.parametrize(("principal", "balance"), [(1, 2), (0, 0), (-1, -1), (-1000, -1000)])
def test_debt_does_not_grow(principal: int, balance: int) -> None:
    authority = open_books({ALICE: 0}, rate=100.0)
    alice = account(authority, ALICE)
    alice.principal = principal
    now = NOW + YEAR
    authority.configure_account(builders.configure_account(ALICE, now), now)
    assert alice.principal + alice.interest == balance


def test_own_interest_is_kept() -> None:
    authority = open_books({ALICE: 1000}, rate=100.0)
    message = builders.pending_balance_change(ALICE, 1, NOW + YEAR)
    authority.receive_pending_balance_change(message, NOW + YEAR)
    authority.process_balance_changes(NOW + YEAR)
    alice = account(authority, ALICE)
    assert alice.principal == 1001
    assert alice.interest == 1000


def test_overflow_is_contained() -> None:
    authority = open_books({ALICE: MAX_INT64 - 10})
    for change_id, delta in ((1, 15), (2, 3), (3, -10)):
        message = builders.pending_balance_change(ALICE, delta, change_id=change_id)
        authority.receive_pending_balance_change(message, NOW)
    authority.process_balance_changes(NOW)
    alice = account(authority, ALICE)
    # The sum of 8 fits, though it did not fit all the time.
    assert (alice.principal, alice.status_flags) == (MAX_INT64 - 2, 0)
    transfers = sent(authority, "AccountTransfer")
    principals = [message["principal"] for message in transfers]
    assert principals == [MAX_INT64, MAX_INT64, MAX_INT64 - 2]
    message = builders.pending_balance_change(ALICE, 3, change_id=4)
    authority.receive_pending_balance_change(message, NOW)
    authority.process_balance_changes(NOW)
    assert (alice.principal, alice.status_flags) == (MAX_INT64, 2)
    assert authority.cut[DEBTOR] == 1
    authority.check_invariants()


def test_debt_is_contained() -> None:
    authority = Authority()
    for change_id in (1, 2):
        message = builders.pending_balance_change(ROOT, -MAX_INT64, change_id=change_id)
        authority.receive_pending_balance_change(message, NOW)
    authority.process_balance_changes(NOW)
    root = account(authority, ROOT)
    assert (root.principal, root.status_flags) == (-MAX_INT64, 2)
    authority.check_invariants()
