"""One pass of each scan."""

from datetime import timedelta
from decimal import Decimal

import pytest

from verification.model import builders
from verification.model.books import (
    account,
    commit,
    configure_root,
    creditors,
    delete_account,
    open_books,
    prepare,
    sent,
)
from verification.model.builders import (
    ALICE,
    BOB,
    DAY,
    DEBTOR,
    INFO,
    MICROSECOND,
    NOW,
    ROOT,
    ROOT_INFO,
    SECOND,
)
from verification.model.money import MAX_INT64, T0
from verification.model.node import Node
from verification.model.state import Message, Params

HOUR = timedelta(hours=1)


def ids(chore_type: str, creditor_id: int = ALICE) -> Message:
    """A chore without parameters, as the scan posts it."""
    return {"type": chore_type, "debtor_id": DEBTOR, "creditor_id": creditor_id}


def test_pending_update_is_sent_once(node: Node) -> None:
    open_books(node, {ALICE: 100})
    node.set_now(NOW + SECOND)
    assert node.scan_accounts() == []
    node.set_now(NOW + 2 * SECOND)
    node.scan_accounts()
    root, alice = sorted(node.take_messages(), key=lambda m: m["creditor_id"])
    assert (root["creditor_id"], root["principal"]) == (ROOT, -100)
    assert (alice["creditor_id"], alice["principal"]) == (ALICE, 100)
    assert (alice["ts"], alice["last_change_ts"]) == (NOW + SECOND, NOW)
    assert account(node, ALICE)["last_heartbeat_ts"] == NOW + SECOND


def test_burst_of_transfers_gives_one_update(node: Node) -> None:
    open_books(node, {ALICE: 100, BOB: 0})
    for amount in (1, 2, 3):
        commit(node, [(prepare(node, ALICE, BOB, amount), amount)])
        node.process_balance_changes()
    node.take_messages()
    node.scan_accounts()
    updates = {m["creditor_id"]: m for m in node.take_messages()}
    assert {c: m["principal"] for c, m in updates.items()} == {ROOT: -100, ALICE: 94, BOB: 6}


def test_update_does_not_lag_behind_the_last_change(node: Node) -> None:
    open_books(node, {ALICE: 100})
    node.set_now(NOW - DAY)
    node.scan_accounts()
    for update in sent(node, "AccountUpdate"):
        assert update["ts"] == update["last_change_ts"] == NOW


@pytest.mark.parametrize(("heartbeat_days", "interval_days"), [(10, 10), (3, 7)])
def test_heartbeat(node: Node, heartbeat_days: int, interval_days: int) -> None:
    node.set_params(Params(heartbeat=heartbeat_days * DAY))
    node.receive(builders.configure_account(ALICE))
    (creation,) = node.take_messages()
    now = NOW + interval_days * DAY
    node.set_now(now)
    node.scan_accounts()
    assert node.take_messages() == []
    node.set_now(now + MICROSECOND)
    node.scan_accounts()
    (heartbeat,) = node.take_messages()
    assert heartbeat == {**creation, "ts": now + MICROSECOND}


def test_deleted_account_has_no_heartbeat(node: Node) -> None:
    open_books(node, {ALICE: 0})
    delete_account(node, ALICE, NOW + SECOND)
    node.take_messages()
    node.set_now(NOW + 100 * DAY)
    assert node.scan_accounts() == []
    assert [m["creditor_id"] for m in node.take_messages()] == [ROOT]


def test_purge(node: Node) -> None:
    open_books(node, {ALICE: 0})
    node.set_now(NOW + DAY)
    delete_account(node, ALICE, NOW + DAY)
    node.take_messages()
    now = NOW + DAY + (14 + 90 + 2) * DAY
    node.set_now(now)
    node.scan_accounts()
    assert [m["creditor_id"] for m in node.take_messages()] == [ROOT]
    assert creditors(node) == [ROOT, ALICE]
    node.set_now(now + MICROSECOND)
    node.scan_accounts()
    assert creditors(node) == [ROOT]
    assert [m for m in node.take_messages() if m["creditor_id"] == ALICE] == [
        {
            "type": "AccountPurge",
            "debtor_id": DEBTOR,
            "creditor_id": ALICE,
            "creation_date": NOW.date(),
            "ts": now + MICROSECOND,
        }
    ]


def test_young_account_is_not_purged(node: Node) -> None:
    open_books(node, {ALICE: 0})
    delete_account(node, ALICE, NOW + SECOND)
    node.update_account(DEBTOR, ALICE, last_change_ts=T0)
    for days in (3, 4):
        assert account(node, ALICE)["status_flags"] == 1
        node.set_now(NOW + days * DAY)
        node.scan_accounts()
    assert creditors(node) == [ROOT]


def test_account_that_is_not_deleted_is_not_purged(node: Node) -> None:
    open_books(node, {ALICE: 0})
    node.set_now(NOW + 4000 * DAY)
    node.scan_accounts()
    assert len(node.accounts()) == 2


def test_nothing_is_due(node: Node) -> None:
    open_books(node, {ALICE: 10**6}, rate=5.5)
    node.set_now(NOW + DAY)
    assert node.scan_accounts() == []


def test_chores_that_are_due(node: Node) -> None:
    open_books(node, {ALICE: 10**6}, rate=100.0)
    now = NOW + 14 * DAY
    node.set_now(now)
    configure_root(node, now, rate=3.123456789, info=ROOT_INFO)
    node.receive(builders.configure_account(ALICE, now, config_flags=1, negligible_amount=1e30))
    chores = node.scan_accounts()
    assert chores == [
        ids("TryToDeleteAccount"),
        ids("CapitalizeInterest"),
        {**ids("ChangeInterestRate"), "interest_rate": 3.123456789, "ts": now},
        {**ids("UpdateDebtorInfo"), **INFO, "ts": now},
    ]
    for chore in reversed(chores):
        node.perform_chore(chore)
    assert account(node, ALICE)["status_flags"] == 1
    assert node.scan_accounts() == []


def test_rate_changes_are_8_days_apart(node: Node) -> None:
    open_books(node, {ALICE: 0}, rate=5.5)
    configure_root(node, NOW + DAY, rate=7.0)
    node.set_now(NOW + 8 * DAY - MICROSECOND)
    assert node.scan_accounts() == []
    node.set_now(NOW + 8 * DAY)
    (chore,) = node.scan_accounts()
    node.perform_chore(chore)
    assert account(node, ALICE)["interest_rate"] == 7.0


def test_info_is_withdrawn_with_the_configuration(node: Node) -> None:
    open_books(node, {ALICE: 0})
    node.perform_chore(builders.chore("UpdateDebtorInfo", ALICE, **INFO, ts=NOW))
    (chore,) = node.scan_accounts()
    node.perform_chore(chore)
    assert account(node, ALICE)["debtor_info_sha256"] == b""


def test_without_a_root_account_nothing_is_known(node: Node) -> None:
    open_books(node, {ALICE: 0}, rate=5.5)
    node.remove_account(DEBTOR, ROOT)
    node.set_now(NOW + 30 * DAY)
    assert node.scan_accounts() == []


def test_purged_root_account_says_nothing(node: Node) -> None:
    open_books(node, {ALICE: 0}, rate=5.5)
    node.update_account(DEBTOR, ROOT, status_flags=1)
    node.set_now(NOW + 400 * DAY)
    node.scan_accounts()
    assert creditors(node) == [ALICE]
    assert node.scan_accounts() == []


def test_deleted_root_account_says_nothing(node: Node) -> None:
    open_books(node, {-1: 0}, rate=5.5)
    node.set_now(NOW + SECOND)
    delete_account(node, ROOT, NOW + SECOND)
    node.set_now(NOW + 30 * DAY)
    assert node.scan_accounts() == []
    node.receive(builders.configure_account(ALICE, NOW + 30 * DAY))
    assert account(node, ALICE)["interest_rate"] == 0
    node.set_now(NOW + (14 + 90 + 2) * DAY + 2 * SECOND)
    assert node.scan_accounts() == []
    assert creditors(node) == [-1, ALICE]


def test_root_account_that_was_never_configured_has_the_defaults(node: Node) -> None:
    node.receive(builders.configure_account(ALICE))
    node.update_account(DEBTOR, ALICE, interest_rate=5.5)
    node.receive(builders.pending_balance_change(ROOT, 5, other_creditor_id=ALICE))
    node.process_balance_changes()
    assert account(node, ROOT)["config_data"] == ""
    assert node.scan_accounts() == [{**ids("ChangeInterestRate"), "interest_rate": 0.0, "ts": NOW}]


def test_account_of_another_debtor(node: Node) -> None:
    open_books(node, {ALICE: 0})
    node.receive({**builders.configure_account(ALICE), "debtor_id": 2})
    configure_root(node, NOW + SECOND, rate=5.5)
    node.set_now(NOW + 20 * DAY)
    (chore,) = node.scan_accounts()
    assert chore["debtor_id"] == DEBTOR


@pytest.mark.parametrize(
    ("principal", "interest", "is_due"),
    [
        (9998, "1.5", True),
        (9999, "1.5", False),
        (-9998, "1.5", True),
        (-9999, "1.5", False),
        (9998, "-0.5", True),
        (9999, "-0.5", False),
        (0, "0.99999", False),
        (MAX_INT64, "922337203685478.0", True),
        (MAX_INT64, "922337203685477.99", False),
    ],
)
def test_capitalization_waits_for_enough_interest(
    node: Node, principal: int, interest: str, is_due: bool
) -> None:
    open_books(node, {ALICE: 0})
    node.update_account(DEBTOR, ALICE, principal=principal, interest=Decimal(interest))
    node.set_now(NOW + 14 * DAY - MICROSECOND)
    assert node.scan_accounts() == []
    node.set_now(NOW + 14 * DAY)
    assert node.scan_accounts() == [ids("CapitalizeInterest")] * is_due


def test_deletion_is_attempted_again_after_a_while(node: Node) -> None:
    open_books(node, {ALICE: 0, BOB: 0})
    prepare(node, ALICE, BOB, 0)
    node.set_now(NOW + DAY)
    node.receive(builders.configure_account(ALICE, NOW + DAY, config_flags=1))
    (chore,) = node.scan_accounts()
    node.perform_chore(chore)
    node.set_now(NOW + 15 * DAY - MICROSECOND)
    assert node.scan_accounts() == []
    node.set_now(NOW + 15 * DAY)
    assert node.scan_accounts() == [chore]


@pytest.mark.parametrize(("amount", "is_due"), [(0, True), (5, False)])
def test_deletion_of_the_root_account(node: Node, amount: int, is_due: bool) -> None:
    open_books(node, {ALICE: amount})
    node.receive(
        builders.configure_account(ROOT, NOW + DAY, config_flags=1, negligible_amount=1e30)
    )
    assert node.scan_accounts() == [ids("TryToDeleteAccount", ROOT)] * is_due


def test_prompt_updates(node: Node) -> None:
    open_books(node, {ALICE: 100, BOB: 0})
    node.set_now(NOW + HOUR)
    assert node.send_prompt_account_updates() == 0
    assert node.peek_messages() == []
    node.set_now(NOW + HOUR + MICROSECOND)
    assert node.send_prompt_account_updates() == 2
    assert node.send_prompt_account_updates() == 0
    assert sorted(m["creditor_id"] for m in node.take_messages()) == [ROOT, ALICE]


@pytest.mark.parametrize(("reminder_days", "interval_days"), [(10, 10), (3, 7)])
def test_reminders(node: Node, reminder_days: int, interval_days: int) -> None:
    node.set_params(Params(reminder=reminder_days * DAY))
    open_books(node, {ALICE: 100, BOB: 0})
    prepare(node, ALICE, BOB, 60)
    (answer,) = node.take_messages()
    first, second = (NOW + i * (interval_days * DAY + MICROSECOND) for i in (1, 2))
    for now in (first - MICROSECOND, first, second - MICROSECOND, second):
        node.set_now(now)
        node.scan_prepared_transfers()
    assert node.take_messages() == [{**answer, "ts": first}, {**answer, "ts": second}]
