"""Examples by hand: what the scans send, post and remove."""

from datetime import timedelta
from decimal import Decimal

import pytest

from . import builders
from .books import account, configure_root, delete_account, open_books, prepare, sent
from .builders import ALICE, BOB, DAY, DEBTOR, INFO, MICROSECOND, NOW, ROOT, ROOT_INFO, SECOND
from .oracle import Authority
from .state import Params


def test_pending_update_is_sent_once() -> None:
    authority = open_books({ALICE: 100})
    authority.scan_accounts(NOW + SECOND)
    authority.scan_accounts(NOW + 2 * SECOND)
    root, alice = authority.outbox
    assert (root["creditor_id"], root["principal"]) == (ROOT, -100)
    assert (alice["creditor_id"], alice["principal"]) == (ALICE, 100)
    assert (alice["ts"], alice["last_change_ts"]) == (NOW + SECOND, NOW)


@pytest.mark.parametrize(("heartbeat_days", "interval_days"), [(10, 10), (3, 7)])
def test_heartbeat(heartbeat_days: int, interval_days: int) -> None:
    authority = Authority(Params(heartbeat=heartbeat_days * DAY))
    authority.configure_account(builders.configure_account(ALICE), NOW)
    now = NOW + interval_days * DAY
    authority.scan_accounts(now)
    assert len(authority.outbox) == 1
    authority.scan_accounts(now + MICROSECOND)
    creation, heartbeat = authority.outbox
    assert heartbeat == {**creation, "ts": now + MICROSECOND}


def test_purge() -> None:
    authority = open_books({ALICE: 0})
    delete_account(authority, ALICE, NOW + DAY)
    authority.outbox.clear()
    now = NOW + DAY + (14 + 90 + 2) * DAY
    authority.scan_accounts(now)
    assert (DEBTOR, ALICE) in authority.accounts
    authority.scan_accounts(now + MICROSECOND)
    assert (DEBTOR, ALICE) not in authority.accounts
    assert sent(authority, "AccountPurge") == [
        {
            "type": "AccountPurge",
            "debtor_id": DEBTOR,
            "creditor_id": ALICE,
            "creation_date": NOW.date(),
            "ts": now + MICROSECOND,
        }
    ]
    assert [m for m in sent(authority, "AccountUpdate") if m["creditor_id"] == ALICE] == []


def test_young_account_is_not_purged() -> None:
    params = Params(commit_period=timedelta(0), extreme_delay=timedelta(0))
    authority = open_books({ALICE: 0}, params=params)
    delete_account(authority, ALICE, NOW + SECOND)
    for days in (3, 4):
        assert (DEBTOR, ALICE) in authority.accounts
        authority.scan_accounts(NOW + days * DAY)
    assert (DEBTOR, ALICE) not in authority.accounts


def test_nothing_is_due() -> None:
    assert open_books({ALICE: 10**6}, rate=5.5).scan_accounts(NOW + DAY) == []


def test_chores_that_are_due() -> None:
    authority = open_books({ALICE: 10**6}, rate=100.0)
    now = NOW + 14 * DAY
    configure_root(authority, now, rate=5.5, info=ROOT_INFO)
    message = builders.configure_account(ALICE, now, config_flags=1, negligible_amount=1e30)
    authority.configure_account(message, now)
    chores = authority.scan_accounts(now)
    assert chores == [
        {"type": "TryToDeleteAccount", "debtor_id": DEBTOR, "creditor_id": ALICE},
        {"type": "CapitalizeInterest", "debtor_id": DEBTOR, "creditor_id": ALICE},
        {
            "type": "ChangeInterestRate",
            "debtor_id": DEBTOR,
            "creditor_id": ALICE,
            "interest_rate": 5.5,
            "ts": now,
        },
        {
            "type": "UpdateDebtorInfo",
            "debtor_id": DEBTOR,
            "creditor_id": ALICE,
            **INFO,
            "ts": now,
        },
    ]
    for chore in reversed(chores):
        authority.perform_chore(chore, now)
    assert account(authority, ALICE).is_deleted
    assert authority.scan_accounts(now) == []


def test_rate_changes_are_8_days_apart() -> None:
    authority = open_books({ALICE: 0}, rate=5.5)
    configure_root(authority, NOW + DAY, rate=7.0)
    assert authority.scan_accounts(NOW + 8 * DAY - MICROSECOND) == []
    (chore,) = authority.scan_accounts(NOW + 8 * DAY)
    authority.perform_chore(chore, NOW + 8 * DAY)
    assert account(authority, ALICE).interest_rate == 7.0


def test_info_is_withdrawn_with_the_configuration() -> None:
    authority = open_books({ALICE: 0})
    authority.update_debtor_info(builders.chore("UpdateDebtorInfo", ALICE, **INFO, ts=NOW), NOW)
    (chore,) = authority.scan_accounts(NOW)
    authority.perform_chore(chore, NOW)
    assert account(authority, ALICE).debtor_info_sha256 == b""


def test_without_a_root_account_nothing_is_known() -> None:
    authority = open_books({ALICE: 0}, rate=5.5)
    del authority.accounts[DEBTOR, ROOT]
    assert authority.scan_accounts(NOW + 30 * DAY) == []


def test_a_deleted_root_account_says_nothing() -> None:
    authority = open_books({-1: 0}, rate=5.5)
    delete_account(authority, ROOT, NOW + SECOND)
    assert authority.scan_accounts(NOW + 30 * DAY) == []
    authority.configure_account(builders.configure_account(ALICE, NOW + 30 * DAY), NOW + 30 * DAY)
    assert account(authority, ALICE).interest_rate == 0
    assert authority.scan_accounts(NOW + (14 + 90 + 2) * DAY + 2 * SECOND) == []
    assert (DEBTOR, ROOT) not in authority.accounts


@pytest.mark.parametrize(("principal", "is_due"), [(9998, True), (9999, False)])
def test_capitalization_waits_for_enough_interest(principal: int, is_due: bool) -> None:
    authority = open_books({ALICE: principal})
    account(authority, ALICE).interest = Decimal("1.5")
    chores = authority.scan_accounts(NOW + 14 * DAY)
    assert [chore["type"] for chore in chores] == ["CapitalizeInterest"] * is_due
    assert authority.scan_accounts(NOW + 14 * DAY - MICROSECOND) == []


def test_deletion_is_attempted_again_after_a_while() -> None:
    authority = open_books({ALICE: 0, BOB: 0})
    prepare(authority, ALICE, BOB, 0, NOW)
    message = builders.configure_account(ALICE, NOW + DAY, config_flags=1)
    authority.configure_account(message, NOW + DAY)
    (chore,) = authority.scan_accounts(NOW + DAY)
    authority.perform_chore(chore, NOW + DAY)
    assert authority.scan_accounts(NOW + 15 * DAY - MICROSECOND) == []
    assert authority.scan_accounts(NOW + 15 * DAY) == [chore]


@pytest.mark.parametrize(("amount", "is_due"), [(0, True), (5, False)])
def test_deletion_of_the_root_account(amount: int, is_due: bool) -> None:
    authority = open_books({ALICE: amount})
    message = builders.configure_account(ROOT, NOW + DAY, config_flags=1, negligible_amount=1e30)
    authority.configure_account(message, NOW + DAY)
    assert len(authority.scan_accounts(NOW + DAY)) == is_due


def test_prompt_updates() -> None:
    authority = open_books({ALICE: 100, BOB: 0})
    hour = timedelta(hours=1)
    authority.send_prompt_account_updates(NOW + hour)
    assert authority.outbox == []
    authority.send_prompt_account_updates(NOW + hour + MICROSECOND)
    assert [message["creditor_id"] for message in authority.outbox] == [ROOT, ALICE]


@pytest.mark.parametrize(("reminder_days", "interval_days"), [(10, 10), (3, 7)])
def test_reminders(reminder_days: int, interval_days: int) -> None:
    authority = open_books({ALICE: 100, BOB: 0}, params=Params(reminder=reminder_days * DAY))
    prepare(authority, ALICE, BOB, 60, NOW)
    first, second = (NOW + i * (interval_days * DAY + MICROSECOND) for i in (1, 2))
    for now in (first - MICROSECOND, first, second - MICROSECOND, second):
        authority.scan_prepared_transfers(now)
    answer, *reminders = authority.outbox
    assert reminders == [{**answer, "ts": first}, {**answer, "ts": second}]


def test_archive_is_cleaned_of_applied_changes() -> None:
    authority = open_books({ALICE: 0})
    for change_id, committed_at in ((1, NOW - SECOND), (2, NOW)):
        authority.receive_pending_balance_change(
            builders.pending_balance_change(ALICE, 5, committed_at, change_id=change_id), NOW
        )
    authority.params = Params(archive_threshold=NOW)
    authority.scan_registered_balance_changes(NOW)
    assert len(authority.registered_changes) == 2
    authority.process_balance_changes(NOW)
    authority.scan_registered_balance_changes(NOW)
    assert list(authority.registered_changes) == [(DEBTOR, ROOT, 2)]
