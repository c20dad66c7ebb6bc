"""The book of transfers finds everything that is not as it should be."""

import pytest

from agentkit.chains import Link
from agentkit.ledger import CREDITED, DEBITED, FINALIZED, PREPARED, REJECTED, Ledger

SENDER, RECIPIENT = 11, 22
Told = tuple[int, int, Link]


def link(owner: int, number: int, amount: int, principal: int, request_id: int = 100) -> Told:
    return owner, request_id, Link(number, number - 1, amount, principal)


@pytest.fixture
def ledger() -> Ledger:
    """A book with one request, number 100, of 5 units."""
    made = Ledger(100)
    assert made.open(SENDER, RECIPIENT, 5, 1.0) == 100
    return made


def complete(ledger: Ledger) -> None:
    ledger.note(100, PREPARED)
    ledger.note(100, FINALIZED)
    ledger.note_account_transfer(*link(SENDER, 1, -5, 95))
    ledger.note_account_transfer(*link(RECIPIENT, 1, 5, 105))


def test_a_transfer_is_complete_when_everybody_knows(ledger: Ledger) -> None:
    assert ledger.note(100, PREPARED) == 1.0
    assert ledger.note(100, FINALIZED) == 1.0
    assert ledger.note_account_transfer(*link(SENDER, 1, -5, 95)) == (DEBITED, 1.0)
    assert not ledger.is_complete(100)
    assert ledger.note_account_transfer(*link(RECIPIENT, 1, 5, 105)) == (CREDITED, 1.0)
    assert ledger.is_complete(100)
    ledger.close()
    assert ledger.problems.count == 0
    assert ledger.chain_ends() == {SENDER: (1, 95), RECIPIENT: (1, 105)}


def test_an_issued_transfer_needs_no_debit() -> None:
    ledger = Ledger(100)
    ledger.open(0, RECIPIENT, 5, 1.0)
    ledger.note(100, PREPARED)
    ledger.note(100, FINALIZED)
    ledger.note_account_transfer(*link(RECIPIENT, 1, 5, 5))
    assert ledger.is_complete(100)
    ledger.close()
    assert ledger.problems.count == 0


def test_a_rejected_transfer_is_complete_if_nothing_else_happens(ledger: Ledger) -> None:
    ledger.note(100, REJECTED)
    assert ledger.is_complete(100)
    ledger.close()
    assert ledger.problems.count == 0
    ledger.note(100, PREPARED)
    ledger.close()
    assert ledger.problems.count == 2


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
def test_a_wrong_amount_or_party_is_found(ledger: Ledger, wrong: Told) -> None:
    ledger.note_account_transfer(*wrong)
    assert ledger.problems.count == 1


def problems_of_chain(*links: Told) -> int:
    """How many are found in the chain of the recipient."""
    ledger = Ledger(100)
    for _ in links:
        ledger.open(SENDER, RECIPIENT, 5, 1.0)
    for number, (owner, _, told) in enumerate(links, start=100):
        ledger.note_account_transfer(owner, number, told)
    assert ledger.problems.count == 0
    ledger.close()
    return sum("account" in text for text in ledger.problems.texts)


def test_a_principal_that_does_not_add_up_is_found() -> None:
    assert problems_of_chain(link(RECIPIENT, 1, 5, 105), link(RECIPIENT, 2, 5, 111)) == 1


def test_a_gap_and_a_link_that_is_there_twice_are_found() -> None:
    for numbers in ((2, 4), (2, 2)):
        assert problems_of_chain(*(link(RECIPIENT, n, 5, 100 + 5 * n) for n in numbers)) == 1
