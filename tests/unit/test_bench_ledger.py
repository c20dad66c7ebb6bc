"""The benchmark's book of transfers finds everything that is not as it should be."""

from itertools import permutations

import pytest

from benchmarks.agents.ledger import (
    CREDITED,
    DEBITED,
    FINALIZED,
    PREPARED,
    Chain,
    Ledger,
    Problems,
)
from benchmarks.agents.messages import AccountTransfer

SENDER, RECIPIENT = 11, 22


def link(
    owner: int, number: int, amount: int, principal: int, note: str = "100"
) -> AccountTransfer:
    return AccountTransfer(
        creditor_id=owner,
        transfer_number=number,
        previous_transfer_number=number - 1,
        acquired_amount=amount,
        principal=principal,
        transfer_note=note,
    )


@pytest.fixture
def ledger() -> Ledger:
    """A book with one request, number 100, of 5 units."""
    made = Ledger(100)
    assert made.open(SENDER, RECIPIENT, 5, 1.0) == 100
    return made


def complete(ledger: Ledger) -> None:
    ledger.note(100, PREPARED)
    ledger.note(100, FINALIZED)
    ledger.note_account_transfer(link(SENDER, 1, -5, 95))
    ledger.note_account_transfer(link(RECIPIENT, 1, 5, 105))


def test_a_transfer_is_complete_when_everybody_knows(ledger: Ledger) -> None:
    assert ledger.note(100, PREPARED) == 1.0
    assert ledger.note(100, FINALIZED) == 1.0
    assert ledger.note_account_transfer(link(SENDER, 1, -5, 95)) == (100, DEBITED, 1.0)
    assert not ledger.is_complete(100)
    assert ledger.note_account_transfer(link(RECIPIENT, 1, 5, 105)) == (100, CREDITED, 1.0)
    assert ledger.is_complete(100)
    ledger.close()
    assert ledger.problems.count == 0
    assert {owner: (c.number, c.principal) for owner, c in ledger.chains.items()} == {
        SENDER: (1, 95),
        RECIPIENT: (1, 105),
    }


def test_an_issued_transfer_needs_no_debit() -> None:
    ledger = Ledger(100)
    ledger.open(0, RECIPIENT, 5, 1.0)
    ledger.note(100, PREPARED)
    ledger.note(100, FINALIZED)
    ledger.note_account_transfer(link(RECIPIENT, 1, 5, 5))
    assert ledger.is_complete(100)
    ledger.close()
    assert ledger.problems.count == 0


def test_what_is_missing_is_found(ledger: Ledger) -> None:
    ledger.note(100, PREPARED)
    ledger.close()
    assert ledger.problems.texts == ["transfer 100 was not finalized, debited, credited"]


def test_what_comes_twice_is_found(ledger: Ledger) -> None:
    complete(ledger)
    assert ledger.note(100, FINALIZED) is None
    assert ledger.problems.texts == ["transfer 100 was finalized twice"]


def test_what_was_not_asked_for_is_found(ledger: Ledger) -> None:
    assert ledger.note(101, PREPARED) is None
    assert ledger.note(99, PREPARED) is None
    assert ledger.problems.count == 2


@pytest.mark.parametrize("wrong", [link(RECIPIENT, 1, 6, 106), link(33, 1, 5, 105)])
def test_a_wrong_amount_or_party_is_found(ledger: Ledger, wrong: AccountTransfer) -> None:
    ledger.note_account_transfer(wrong)
    assert ledger.problems.count == 1


def test_a_principal_that_does_not_add_up_is_found(ledger: Ledger) -> None:
    complete(ledger)
    ledger.open(SENDER, RECIPIENT, 5, 1.0)
    ledger.note_account_transfer(link(RECIPIENT, 2, 5, 111, "101"))
    assert ledger.problems.count == 1


def test_a_chain_may_come_in_any_order_but_without_a_gap(ledger: Ledger) -> None:
    complete(ledger)
    for _ in range(3):
        ledger.open(SENDER, RECIPIENT, 5, 1.0)
    ledger.note_account_transfer(link(RECIPIENT, 3, 5, 115, "102"))
    ledger.note_account_transfer(link(RECIPIENT, 2, 5, 110, "101"))
    assert ledger.problems.count == 0
    assert ledger.chains[RECIPIENT].number == 3
    ledger.note_account_transfer(link(RECIPIENT, 5, 5, 125, "103"))
    ledger.close()
    assert any("a gap" in text for text in ledger.problems.texts)


@pytest.mark.parametrize("order", list(permutations((2, 3, 4))))
def test_whichever_link_comes_first(order: tuple[int, ...]) -> None:
    chain, problems = Chain(), Problems()
    for number in order:
        chain.add(link(RECIPIENT, number, 5, 100 + 5 * number), problems)
    assert (chain.number, chain.principal, chain.loose(), problems.count) == (4, 120, [], 0)


def test_an_earlier_link_must_fit_too() -> None:
    chain, problems = Chain(), Problems()
    chain.add(link(RECIPIENT, 5, 5, 125), problems)
    chain.add(link(RECIPIENT, 4, 5, 121), problems)
    assert problems.count == 1
    missing = link(RECIPIENT, 2, 5, 110)
    chain.add(missing, problems)
    assert chain.loose() == [missing]
