"""The chore CapitalizeInterest."""

from datetime import timedelta
from decimal import Decimal

import pytest

from verification.model import builders
from verification.model.books import (
    account,
    delete_account,
    everything,
    open_books,
    pending_amounts,
    sent,
)
from verification.model.builders import (
    ALICE,
    BOB,
    DAY,
    DEBTOR,
    MICROSECOND,
    NOW,
    ROOT,
    SECOND,
    YEAR,
)
from verification.model.money import MAX_INT64
from verification.model.node import Node

CAPITALIZE = builders.chore("CapitalizeInterest", ALICE)


def test_interest_becomes_principal(node: Node) -> None:
    open_books(node, {ALICE: 1001}, rate=21.0)
    before = account(node, ALICE)
    node.set_now(NOW + YEAR / 2)
    node.perform_chore(CAPITALIZE)
    # 1001 has become 1101.1
    assert account(node, ALICE) == {
        **before,
        "principal": 1101,
        "interest": Decimal("0.1"),
        "last_interest_capitalization_ts": NOW + YEAR / 2,
        "last_change_ts": NOW + YEAR / 2,
        "last_change_seqnum": before["last_change_seqnum"] + 1,
        "last_transfer_number": 2,
        "last_transfer_committed_at": NOW + YEAR / 2,
        "pending_account_update": True,
    }
    (transfer,) = node.take_messages()
    assert (
        transfer.items()
        >= {
            "type": "AccountTransfer",
            "coordinator_type": "interest",
            "acquired_amount": 100,
            "principal": 1101,
            "sender": "0",
            "recipient": str(ALICE),
            "transfer_note": "",
            "transfer_note_format": "",
            "committed_at": NOW + YEAR / 2,
            "previous_transfer_number": 1,
        }.items()
    )
    node.check_books()
    node.process_balance_changes()
    assert account(node, ROOT)["principal"] == -1101
    node.check_books()


def test_one_unit_of_interest_comes_from_the_debtor(node: Node) -> None:
    open_books(node, {ALICE: 1000}, rate=0.1)
    node.set_now(NOW + YEAR)
    node.perform_chore(CAPITALIZE)
    (transfer,) = node.take_messages()
    assert (transfer["sender"], transfer["recipient"]) == ("0", str(ALICE))
    assert (transfer["acquired_amount"], transfer["principal"]) == (1, 1001)


def test_negative_interest_becomes_principal(node: Node) -> None:
    open_books(node, {ALICE: 1000}, rate=-0.05)
    node.set_now(NOW + YEAR)
    node.perform_chore(CAPITALIZE)
    alice = account(node, ALICE)
    assert (alice["principal"], alice["interest"]) == (999, Decimal("0.5"))
    (transfer,) = node.take_messages()
    assert (transfer["sender"], transfer["recipient"]) == (str(ALICE), "0")
    node.process_balance_changes()
    assert account(node, ROOT)["principal"] == -999


@pytest.mark.parametrize(
    ("interest", "principal", "rest"),
    [
        (Decimal("-0.5"), 99, Decimal("0.5")),
        (Decimal(-7), 93, Decimal(0)),
        (Decimal("-200.25"), -101, Decimal("0.75")),
        (Decimal("0.99999999999999999999"), 100, Decimal("0.99999999999999999999")),
    ],
)
def test_interest_is_rounded_down(
    node: Node, interest: Decimal, principal: int, rest: Decimal
) -> None:
    open_books(node, {ALICE: 100})
    node.update_account(DEBTOR, ALICE, interest=interest)
    node.set_now(NOW + 14 * DAY)
    node.perform_chore(CAPITALIZE)
    alice = account(node, ALICE)
    assert (alice["principal"], alice["interest"]) == (principal, rest)
    node.process_balance_changes()
    assert account(node, ROOT)["principal"] == -principal
    transfers = sent(node, "AccountTransfer")
    assert [m["acquired_amount"] for m in transfers] == [principal - 100] * (principal != 100)
    for transfer in transfers:
        assert (transfer["sender"], transfer["recipient"]) == (str(ALICE), "0")


def test_negligible_interest_is_not_reported(node: Node) -> None:
    open_books(node, {ALICE: 1000}, rate=100.0)
    node.update_account(DEBTOR, ALICE, negligible_amount=1000.0)
    node.set_now(NOW + YEAR)
    node.perform_chore(CAPITALIZE)
    assert account(node, ALICE)["principal"] == 2000
    assert sent(node, "AccountTransfer") == []


@pytest.mark.parametrize(
    ("principal", "interest", "capitalized", "rest"),
    [
        (MAX_INT64 - 10, Decimal("15.5"), MAX_INT64, Decimal("5.5")),
        (MAX_INT64, Decimal("15.5"), MAX_INT64, Decimal("15.5")),
        (-MAX_INT64 + 10, Decimal("-15.5"), -MAX_INT64, Decimal("-5.5")),
        (-10, Decimal("1e36"), MAX_INT64 - 10, Decimal(10**36 - MAX_INT64)),
    ],
)
def test_what_does_not_fit_stays_interest(
    node: Node,
    principal: int,
    interest: Decimal,
    capitalized: int,
    rest: Decimal,
) -> None:
    open_books(node, {ALICE: 0})
    node.update_account(DEBTOR, ALICE, principal=principal, interest=interest)
    node.set_now(NOW + 14 * DAY)
    node.perform_chore(CAPITALIZE)
    alice = account(node, ALICE)
    assert (alice["principal"], alice["interest"]) == (capitalized, rest)
    assert alice["status_flags"] == 0
    assert pending_amounts(node) == [principal - capitalized] * (principal != capitalized)


def test_interest_of_a_full_account_stays_interest(node: Node) -> None:
    open_books(node, {ALICE: MAX_INT64 - 10}, rate=100.0)
    node.set_now(NOW + YEAR)
    node.perform_chore(CAPITALIZE)
    alice = account(node, ALICE)
    assert (alice["principal"], alice["status_flags"]) == (MAX_INT64, 0)
    assert alice["interest"] == MAX_INT64 - 20
    assert pending_amounts(node) == [-10]
    node.set_now(NOW + 2 * YEAR)
    node.perform_chore(CAPITALIZE)
    assert pending_amounts(node) == [-10]


def test_capitalized_amount_fits_one_message(node: Node) -> None:
    open_books(node, {ALICE: 2**60}, rate=100.0)
    node.update_account(DEBTOR, ALICE, principal=2**60 - 2**62, interest=Decimal(2**62))
    node.set_now(NOW + 10 * YEAR)
    node.perform_chore(CAPITALIZE)
    assert pending_amounts(node) == [-MAX_INT64]
    alice = account(node, ALICE)
    assert alice["principal"] + alice["interest"] == 2**70


@pytest.mark.parametrize(
    ("rate", "creditor_id", "delay"),
    [
        (0.05, ALICE, YEAR),
        (100.0, ALICE, 14 * DAY - MICROSECOND),
        (100.0, ROOT, YEAR),
        (100.0, BOB, YEAR),
    ],
)
def test_nothing_to_capitalize(node: Node, rate: float, creditor_id: int, delay: timedelta) -> None:
    open_books(node, {ALICE: 1000}, rate=rate)
    node.set_now(NOW + delay)
    before = everything(node)
    node.perform_chore(builders.chore("CapitalizeInterest", creditor_id))
    assert everything(node) == before


def test_interval(node: Node) -> None:
    open_books(node, {ALICE: 10**6}, rate=100.0)
    for days, count in ((14, 1), (27, 1), (28, 2)):
        node.set_now(NOW + days * DAY)
        node.perform_chore(CAPITALIZE)
        assert len(node.peek_messages()) == count


def test_when(node: Node) -> None:
    open_books(node, {ALICE: 1000}, rate=100.0)
    node.set_now(NOW + 14 * DAY - MICROSECOND)
    before = everything(node)
    node.perform_chore(CAPITALIZE)
    assert everything(node) == before
    node.set_now(NOW + 14 * DAY)
    for _ in range(2):
        node.perform_chore(CAPITALIZE)
    assert len(sent(node, "AccountTransfer")) == 1


def test_who(node: Node) -> None:
    open_books(node, {ALICE: 100})
    delete_account(node, ALICE, NOW + SECOND)
    node.process_balance_changes()
    node.update_account(DEBTOR, ROOT, principal=100)
    node.set_now(NOW + YEAR)
    before = everything(node)
    for creditor_id in (ALICE, ROOT, 77):
        node.perform_chore(builders.chore("CapitalizeInterest", creditor_id))
    assert everything(node) == before
