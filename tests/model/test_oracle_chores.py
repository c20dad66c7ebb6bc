"""Examples by hand: the chores."""

from datetime import timedelta
from decimal import Decimal

import pytest

from . import builders
from .books import account, commit, delete_account, open_books, prepare, sent
from .builders import ALICE, BOB, DAY, INFO, MICROSECOND, NOW, ROOT, SECOND, YEAR
from .money import MAX_INT64


def test_rate_change() -> None:
    authority = open_books({ALICE: 1000}, rate=100.0)
    now = NOW + YEAR
    chore = builders.chore("ChangeInterestRate", ALICE, interest_rate=5.5, ts=now)
    authority.change_interest_rate(chore, now)
    (update,) = authority.outbox
    assert (update["principal"], update["interest"]) == (1000, 1000)
    assert update["interest_rate"] == 5.5
    assert update["last_interest_rate_change_ts"] == update["last_change_ts"] == now
    assert update["last_change_seqnum"] == 2
    assert account(authority, ALICE).previous_interest_rate == 100.0


@pytest.mark.parametrize(
    ("creditor_id", "rate", "age", "days", "changed_to"),
    [
        (ALICE, 7.0, timedelta(0), 8, 7.0),
        (ALICE, 7.0, DAY, 8, 7.0),
        (ALICE, 7.0, DAY + MICROSECOND, 9, None),
        (ALICE, 7.0, timedelta(0), 7.999, None),
        (ALICE, 5.5, timedelta(0), 30, None),
        (ALICE, 100.1, timedelta(0), 30, 100.0),
        (ALICE, -1e100, timedelta(0), 30, -50.0),
        (ROOT, 7.0, timedelta(0), 30, None),
        (BOB, 7.0, timedelta(0), 30, None),
    ],
)
def test_rate_change_conditions(
    creditor_id: int, rate: float, age: timedelta, days: float, changed_to: float | None
) -> None:
    authority = open_books({ALICE: 1000}, rate=5.5)
    now = NOW + days * DAY
    chore = builders.chore("ChangeInterestRate", creditor_id, interest_rate=rate, ts=now - age)
    authority.change_interest_rate(chore, now)
    assert account(authority, ALICE).interest_rate == (changed_to or 5.5)
    assert account(authority, ROOT).interest_rate == 0.0
    assert len(authority.outbox) == (changed_to is not None)


def test_deleted_account_keeps_its_rate() -> None:
    authority = open_books({ALICE: 0})
    delete_account(authority, ALICE, NOW + SECOND)
    before = authority.snapshot()
    chore = builders.chore("ChangeInterestRate", ALICE, interest_rate=1.0, ts=NOW + 9 * DAY)
    authority.change_interest_rate(chore, NOW + 9 * DAY)
    assert authority.snapshot() == before


def test_info_update() -> None:
    authority = open_books({ALICE: 1000}, rate=100.0)
    now = NOW + YEAR
    chore = builders.chore("UpdateDebtorInfo", ALICE, **INFO, ts=now - DAY)
    authority.update_debtor_info(chore, now)
    authority.update_debtor_info({**chore, "ts": now}, now + SECOND)
    (update,) = authority.outbox
    assert {name: update[name] for name in INFO} == INFO
    assert (update["last_change_seqnum"], update["last_change_ts"]) == (2, now)
    assert (update["principal"], update["interest"]) == (1000, 1000)


@pytest.mark.parametrize(
    ("creditor_id", "age"), [(ALICE, DAY + MICROSECOND), (ROOT, SECOND), (BOB, SECOND)]
)
def test_skipped_info_update(creditor_id: int, age: timedelta) -> None:
    authority = open_books({ALICE: 1000})
    chore = builders.chore("UpdateDebtorInfo", creditor_id, **INFO, ts=NOW)
    authority.update_debtor_info(chore, NOW + age)
    assert authority.outbox == []


def test_whole_units_of_interest_become_principal() -> None:
    authority = open_books({ALICE: 1001}, rate=21.0)
    now = NOW + YEAR / 2
    authority.capitalize_interest(builders.chore("CapitalizeInterest", ALICE), now)
    alice = account(authority, ALICE)
    # 1001 has become 1101.1
    assert alice.principal == 1101
    assert alice.interest == Decimal("0.1")
    assert alice.last_interest_capitalization_ts == now
    assert alice.pending_account_update
    (transfer,) = authority.outbox
    assert transfer["type"] == "AccountTransfer"
    assert transfer["coordinator_type"] == "interest"
    assert (transfer["sender"], transfer["recipient"]) == ("0", "1099511627777")
    assert (transfer["acquired_amount"], transfer["principal"]) == (100, 1101)
    assert (transfer["transfer_note"], transfer["transfer_note_format"]) == ("", "")
    assert transfer["committed_at"] == now
    authority.check_invariants()
    authority.process_balance_changes(now)
    assert account(authority, ROOT).principal == -1101
    authority.check_invariants()


def test_negative_interest_is_rounded_down() -> None:
    authority = open_books({ALICE: 1000}, rate=-0.05)
    now = NOW + YEAR
    authority.capitalize_interest(builders.chore("CapitalizeInterest", ALICE), now)
    alice = account(authority, ALICE)
    assert alice.principal == 999
    assert alice.interest == Decimal("0.5")
    (transfer,) = authority.outbox
    assert (transfer["sender"], transfer["recipient"]) == ("1099511627777", "0")
    authority.process_balance_changes(now)
    assert account(authority, ROOT).principal == -999


@pytest.mark.parametrize(
    ("rate", "creditor_id", "delay"),
    [
        (0.05, ALICE, YEAR),
        (100.0, ALICE, 14 * DAY - MICROSECOND),
        (100.0, ROOT, YEAR),
        (100.0, BOB, YEAR),
    ],
)
def test_nothing_to_capitalize(rate: float, creditor_id: int, delay: timedelta) -> None:
    authority = open_books({ALICE: 1000}, rate=rate)
    before = authority.snapshot()
    authority.capitalize_interest(builders.chore("CapitalizeInterest", creditor_id), NOW + delay)
    assert authority.snapshot() == before


def test_capitalization_interval() -> None:
    authority = open_books({ALICE: 10**6}, rate=100.0)
    chore = builders.chore("CapitalizeInterest", ALICE)
    for days, count in ((14, 1), (27, 1), (28, 2)):
        authority.capitalize_interest(chore, NOW + days * DAY)
        assert len(authority.outbox) == count


def test_what_does_not_fit_the_principal_stays_interest() -> None:
    authority = open_books({ALICE: MAX_INT64 - 10}, rate=100.0)
    now = NOW + YEAR
    authority.capitalize_interest(builders.chore("CapitalizeInterest", ALICE), now)
    alice = account(authority, ALICE)
    assert (alice.principal, alice.status_flags) == (MAX_INT64, 0)
    assert alice.interest == MAX_INT64 - 20
    assert authority.pending_changes[0].principal_delta == -10
    authority.capitalize_interest(builders.chore("CapitalizeInterest", ALICE), now + YEAR)
    assert len(authority.pending_changes) == 1


def test_capitalized_amount_fits_one_message() -> None:
    authority = open_books({ALICE: 2**60}, rate=100.0)
    now = NOW + 10 * YEAR
    alice = account(authority, ALICE)
    alice.principal -= 2**62
    alice.interest += 2**62
    authority.capitalize_interest(builders.chore("CapitalizeInterest", ALICE), now)
    assert authority.pending_changes[0].principal_delta == -MAX_INT64
    assert alice.principal + alice.interest == 2**70


def test_deletion() -> None:
    authority = open_books({ALICE: 100}, rate=21.0)
    now = NOW + YEAR / 2
    authority.configure_account(
        builders.configure_account(ALICE, now, config_flags=1, negligible_amount=110.0), now
    )
    authority.outbox.clear()
    authority.try_to_delete_account(builders.chore("TryToDeleteAccount", ALICE), now)
    transfer, update = authority.outbox
    assert transfer["coordinator_type"] == "delete"
    assert (transfer["sender"], transfer["recipient"]) == ("1099511627777", "0")
    assert (transfer["acquired_amount"], transfer["principal"]) == (-100, 0)
    assert (update["type"], update["principal"]) == ("AccountUpdate", 0)
    assert update["interest"] == 0
    assert (update["last_change_seqnum"], update["last_transfer_number"]) == (3, 2)
    alice = account(authority, ALICE)
    assert alice.status_flags == 1
    assert alice.last_deletion_attempt_ts == now
    assert not alice.pending_account_update
    authority.process_balance_changes(now)
    assert account(authority, ROOT).principal == 0
    authority.check_invariants()


def test_deletion_of_an_empty_account() -> None:
    authority = open_books({ALICE: 0})
    delete_account(authority, ALICE, NOW + DAY)
    configured, deleted = authority.outbox
    assert configured["last_change_seqnum"] == 1
    assert deleted["last_change_seqnum"] == 2
    assert deleted["last_change_ts"] == NOW + DAY
    assert authority.pending_changes == []


@pytest.mark.parametrize(
    ("negligible_amount", "config_flags", "is_deleted"),
    [(110.0, 1, True), (109.9, 1, False), (110.0, 2, False), (1e30, 0, False)],
)
def test_deletion_conditions(negligible_amount: float, config_flags: int, is_deleted: bool) -> None:
    authority = open_books({ALICE: 100}, rate=21.0)
    now = NOW + YEAR / 2
    message = builders.configure_account(
        ALICE, now, config_flags=config_flags, negligible_amount=negligible_amount
    )
    authority.configure_account(message, now)
    authority.try_to_delete_account(builders.chore("TryToDeleteAccount", ALICE), now)
    assert account(authority, ALICE).is_deleted is is_deleted
    assert account(authority, ALICE).last_deletion_attempt_ts == now


def test_no_deletion_while_a_transfer_is_prepared() -> None:
    authority = open_books({ALICE: 0, BOB: 0})
    transfer = prepare(authority, ALICE, BOB, 0, NOW)
    message = builders.configure_account(ALICE, NOW + SECOND, config_flags=1)
    authority.configure_account(message, NOW + SECOND)
    chore = builders.chore("TryToDeleteAccount", ALICE)
    authority.try_to_delete_account(chore, NOW + SECOND)
    assert not account(authority, ALICE).is_deleted
    commit(authority, [(transfer, 0)], NOW + SECOND)
    authority.try_to_delete_account(chore, NOW + SECOND)
    assert account(authority, ALICE).is_deleted


@pytest.mark.parametrize(("balance", "is_deleted"), [(0, True), (1, False)])
def test_deletion_of_a_root_account(balance: int, is_deleted: bool) -> None:
    authority = open_books({ALICE: balance})
    message = builders.configure_account(ROOT, NOW + DAY, config_flags=1, negligible_amount=1e30)
    authority.configure_account(message, NOW + DAY)
    chore = builders.chore("TryToDeleteAccount", ROOT)
    authority.try_to_delete_account(chore, NOW + DAY)
    authority.try_to_delete_account(chore, NOW + 2 * DAY)
    assert account(authority, ROOT).is_deleted is is_deleted
    assert len(sent(authority, "AccountUpdate")) == 1 + is_deleted
    assert authority.pending_changes == []


def test_debt_of_a_deleted_account_goes_to_the_root_account() -> None:
    authority = open_books({ALICE: 0})
    authority.receive_pending_balance_change(builders.pending_balance_change(ALICE, -5), NOW)
    authority.process_balance_changes(NOW)
    delete_account(authority, ALICE, NOW + DAY)
    authority.process_balance_changes(NOW + DAY)
    assert account(authority, ROOT).principal == -5
    authority.check_invariants()
