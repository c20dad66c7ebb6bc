"""The chore TryToDeleteAccount."""

from decimal import Decimal

import pytest

from verification.model import builders
from verification.model.books import (
    account,
    commit,
    configure_root,
    delete_account,
    everything,
    open_books,
    pending_amounts,
    prepare,
    sent,
)
from verification.model.builders import ALICE, BOB, DAY, DEBTOR, NOW, ROOT, SECOND, YEAR
from verification.model.money import MAX_INT64, T0
from verification.model.node import Node

DELETE = builders.chore("TryToDeleteAccount", ALICE)


def attempt(
    node: Node,
    creditor_id: int = ALICE,
    *,
    config_flags: int = 1,
    negligible_amount: float = 0.0,
) -> bool:
    """Configure the account, and try to delete it. Returns whether that succeeds."""
    node.receive(
        builders.configure_account(
            creditor_id,
            NOW + DAY,
            config_flags=config_flags,
            negligible_amount=negligible_amount,
        )
    )
    node.take_messages()
    node.perform_chore(builders.chore("TryToDeleteAccount", creditor_id))
    found = account(node, creditor_id)
    assert found["last_deletion_attempt_ts"] > T0
    return bool(found["status_flags"] & 1)


def test_rest_goes_to_the_debtor(node: Node) -> None:
    open_books(node, {ALICE: 100})
    node.update_account(DEBTOR, ALICE, interest=Decimal("0.25"), status_flags=2)
    before = account(node, ALICE)
    node.set_now(NOW + SECOND)
    assert attempt(node, negligible_amount=100.0)
    assert account(node, ALICE) == {
        **before,
        "principal": 0,
        "interest": 0,
        "status_flags": 3,
        "config_flags": 1,
        "negligible_amount": 100.0,
        "last_config_ts": NOW + DAY,
        "last_change_ts": NOW + SECOND,
        "last_change_seqnum": before["last_change_seqnum"] + 2,
        "last_transfer_number": 2,
        "last_transfer_committed_at": NOW + SECOND,
        "last_deletion_attempt_ts": NOW + SECOND,
        "last_heartbeat_ts": NOW + SECOND,
        "pending_account_update": False,
    }
    transfer, update = node.take_messages()
    assert (
        transfer.items()
        >= {
            "type": "AccountTransfer",
            "coordinator_type": "delete",
            "acquired_amount": -100,
            "principal": 0,
            "sender": str(ALICE),
            "recipient": "0",
            "committed_at": NOW + SECOND,
        }.items()
    )
    assert (update["type"], update["principal"], update["interest"]) == ("AccountUpdate", 0, 0)
    assert update["last_transfer_number"] == 2
    node.process_balance_changes()
    assert account(node, ROOT)["principal"] == 0


def test_interest_is_given_up(node: Node) -> None:
    open_books(node, {ALICE: 100}, rate=21.0)
    now = NOW + YEAR / 2
    node.set_now(now)
    node.receive(builders.configure_account(ALICE, now, config_flags=1, negligible_amount=110.0))
    node.take_messages()
    node.perform_chore(DELETE)
    transfer, update = node.take_messages()
    assert transfer["coordinator_type"] == "delete"
    assert (transfer["sender"], transfer["recipient"]) == (str(ALICE), "0")
    assert (transfer["acquired_amount"], transfer["principal"]) == (-100, 0)
    assert (update["type"], update["principal"]) == ("AccountUpdate", 0)
    assert update["interest"] == 0
    assert (update["last_change_seqnum"], update["last_transfer_number"]) == (3, 2)
    alice = account(node, ALICE)
    assert alice["status_flags"] == 1
    assert alice["last_deletion_attempt_ts"] == now
    assert not alice["pending_account_update"]
    node.process_balance_changes()
    assert account(node, ROOT)["principal"] == 0
    node.check_books()


def test_deletion_of_an_empty_account(node: Node) -> None:
    open_books(node, {ALICE: 0})
    node.set_now(NOW + DAY)
    delete_account(node, ALICE, NOW + DAY)
    configured, deleted = node.take_messages()
    assert configured["last_change_seqnum"] == 1
    assert deleted["last_change_seqnum"] == 2
    assert deleted["last_change_ts"] == NOW + DAY
    assert node.pending_changes() == []


@pytest.mark.parametrize(
    ("negligible_amount", "config_flags", "is_deleted"),
    [(110.0, 1, True), (109.9, 1, False), (110.0, 2, False), (1e30, 0, False)],
)
def test_conditions(
    node: Node, negligible_amount: float, config_flags: int, is_deleted: bool
) -> None:
    open_books(node, {ALICE: 100}, rate=21.0)
    now = NOW + YEAR / 2
    node.set_now(now)
    found = attempt(node, config_flags=config_flags, negligible_amount=negligible_amount)
    assert found is is_deleted
    assert account(node, ALICE)["last_deletion_attempt_ts"] == now


@pytest.mark.parametrize(
    ("principal", "interest", "negligible_amount", "is_deleted"),
    [
        (16777217, Decimal(0), 16777216.0, False),
        (16777216, Decimal("0.99"), 16777216.0, True),
        (9007199254740993, Decimal(0), 9007199254740992.0, False),
        (2**60 + 1, Decimal(0), float(2**60), False),
        (2**60, Decimal(0), float(2**60), True),
        (MAX_INT64, Decimal(10**30), 2.0**63, True),
        (MAX_INT64, Decimal(0), 9223372036854774784.0, False),
        (41, Decimal("-0.01"), 40.9, True),
        (41, Decimal(0), 40.9, False),
        (1, Decimal(0), 0.0, False),
        (0, Decimal("0.99"), 0.0, True),
        (0, Decimal(0), 0.0, True),
        (-5, Decimal(0), 0.0, True),
    ],
)
def test_owner_loses_no_more_than_is_negligible(
    node: Node,
    principal: int,
    interest: Decimal,
    negligible_amount: float,
    is_deleted: bool,
) -> None:
    open_books(node, {ALICE: 0})
    node.update_account(DEBTOR, ALICE, principal=principal, interest=interest)
    found = attempt(node, negligible_amount=negligible_amount)
    assert found is is_deleted
    assert pending_amounts(node) == [principal] * (is_deleted and principal != 0)


@pytest.mark.parametrize(("negligible_amount", "is_reported"), [(5.0, False), (4.0, True)])
def test_debt_is_forgiven(node: Node, negligible_amount: float, is_reported: bool) -> None:
    open_books(node, {ALICE: 0})
    node.update_account(DEBTOR, ALICE, principal=-5)
    assert attempt(node, negligible_amount=negligible_amount)
    transfers = sent(node, "AccountTransfer")
    assert [m["acquired_amount"] for m in transfers] == [5] * is_reported


def test_pending_transfer_forbids_it(node: Node) -> None:
    open_books(node, {ALICE: 0, BOB: 0})
    transfer = prepare(node, ALICE, BOB, 0)
    before = account(node, ALICE)
    assert not attempt(node)
    assert node.take_messages() == []
    assert account(node, ALICE)["last_change_seqnum"] == before["last_change_seqnum"] + 1
    commit(node, [(transfer, 0)])
    node.perform_chore(DELETE)
    assert account(node, ALICE)["status_flags"] == 1


def test_account_that_is_not_scheduled_for_deletion_stays(node: Node) -> None:
    open_books(node, {ALICE: 0})
    assert not attempt(node, config_flags=2)


@pytest.mark.parametrize(("principal", "is_deleted"), [(0, True), (1, False), (-1, False)])
def test_root_account(node: Node, principal: int, is_deleted: bool) -> None:
    configure_root(node)
    node.update_account(DEBTOR, ROOT, principal=principal)
    assert attempt(node, ROOT, negligible_amount=1e30) is is_deleted
    assert len(node.take_messages()) == is_deleted


@pytest.mark.parametrize(("balance", "is_deleted"), [(0, True), (1, False)])
def test_root_account_whose_money_is_out(node: Node, balance: int, is_deleted: bool) -> None:
    open_books(node, {ALICE: balance})
    now = NOW + DAY
    node.set_now(now)
    node.receive(builders.configure_account(ROOT, now, config_flags=1, negligible_amount=1e30))
    for days in (1, 2):
        node.set_now(NOW + days * DAY)
        node.perform_chore(builders.chore("TryToDeleteAccount", ROOT))
    assert account(node, ROOT)["status_flags"] == is_deleted
    assert len(sent(node, "AccountUpdate")) == 1 + is_deleted
    assert node.pending_changes() == []


def test_debt_goes_to_the_root_account(node: Node) -> None:
    open_books(node, {ALICE: 0})
    node.receive(builders.pending_balance_change(ALICE, -5))
    node.process_balance_changes()
    node.set_now(NOW + DAY)
    delete_account(node, ALICE, NOW + DAY)
    node.process_balance_changes()
    assert account(node, ROOT)["principal"] == -5
    node.check_books({DEBTOR: -5})


def test_deleted_account_is_not_deleted_again(node: Node) -> None:
    open_books(node, {ALICE: 0})
    delete_account(node, ALICE, NOW + SECOND)
    node.set_now(NOW + DAY)
    before = everything(node)
    node.perform_chore(DELETE)
    node.perform_chore(builders.chore("TryToDeleteAccount", 77))
    assert everything(node) == before
