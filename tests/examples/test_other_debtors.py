"""What is done to an account leaves those alone that the same creditor has with other debtors."""

import pytest

from verification.model import builders
from verification.model.books import account, commit, prepare
from verification.model.builders import ALICE, BOB, DEBTOR, NOW, ROOT, SECOND, YEAR
from verification.model.node import Node, Row

# Before and behind the debtor, in every index.
OTHERS = (DEBTOR - 7, DEBTOR + 7)


@pytest.fixture
def crowd(node: Node) -> Node:
    """Three debtors with the same creditors, who have 1000, or 7 with the others."""
    for debtor_id in (DEBTOR, *OTHERS):
        amount = 1000 if debtor_id == DEBTOR else 7
        for creditor_id in (ROOT, ALICE, BOB):
            message = builders.configure_account(creditor_id, negligible_amount=0.5)
            node.receive({**message, "debtor_id": debtor_id})
        for creditor_id in (ALICE, BOB):
            message = builders.pending_balance_change(creditor_id, amount, change_id=creditor_id)
            node.receive({**message, "debtor_id": debtor_id})
    node.process_balance_changes()
    node.take_messages()
    return node


def others(node: Node) -> list[Row]:
    return [row for row in node.accounts() if row["debtor_id"] in OTHERS]


def test_transfer(crowd: Node) -> None:
    transfer = prepare(crowd, ALICE, BOB, 600)
    for debtor_id in OTHERS:
        # of the same numbers in everything else
        message = builders.prepare_transfer(ALICE, BOB, 5)
        crowd.receive({**message, "debtor_id": debtor_id})
    crowd.process_transfer_requests()
    crowd.take_messages()
    before = others(crowd)
    commit(crowd, [(transfer, 500)])
    crowd.process_balance_changes()
    assert others(crowd) == before
    assert [row["debtor_id"] for row in crowd.prepared_transfers()] == [*OTHERS]
    assert account(crowd, ALICE)["principal"] == 500
    assert account(crowd, BOB)["principal"] == 1500
    assert {message["debtor_id"] for message in crowd.take_messages()} == {DEBTOR}


def test_configuration(crowd: Node) -> None:
    before = others(crowd)
    crowd.receive(builders.configure_account(ALICE, NOW + SECOND, negligible_amount=5.0))
    assert others(crowd) == before
    assert account(crowd, ALICE)["negligible_amount"] == 5.0


def test_chores(crowd: Node) -> None:
    before = others(crowd)
    do = crowd.perform_chore
    do(builders.chore("ChangeInterestRate", ALICE, interest_rate=100.0, ts=NOW))
    crowd.set_now(NOW + YEAR)
    do(builders.chore("CapitalizeInterest", ALICE))
    assert account(crowd, ALICE)["principal"] == 2000
    info = {"debtor_info_iri": "a", "debtor_info_content_type": "", "debtor_info_sha256": b""}
    do(builders.chore("UpdateDebtorInfo", ALICE, **info, ts=NOW + YEAR))
    leaving = builders.configure_account(ALICE, NOW + YEAR, config_flags=1, negligible_amount=1e30)
    crowd.receive(leaving)
    do(builders.chore("TryToDeleteAccount", ALICE))
    assert account(crowd, ALICE)["status_flags"] == 1
    assert others(crowd) == before
