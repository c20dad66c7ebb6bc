"""The kit follows the AccountTransfers of each account."""

import pika

from agentkit.chains import chain_problems, check_chain
from agentkit.messages import Message, encode
from agentkit.received import Received


def link(number: int, previous: int, acquired: int, principal: int, **changes: int) -> Message:
    return {
        "debtor_id": 5,
        "creditor_id": 11,
        "creation_date": "2024-05-20",
        "transfer_number": number,
        "previous_transfer_number": previous,
        "acquired_amount": acquired,
        "principal": principal,
        **changes,
    }


def received(*links: Message) -> list[Received]:
    properties = pika.BasicProperties(type="AccountTransfer")
    return [Received("", "", properties, encode(one)) for one in links]


def test_a_chain_may_come_in_any_order() -> None:
    assert check_chain([link(7, 2, -30, 70), link(2, 0, 100, 100)]) == []


def test_a_gap_and_a_wrong_principal_are_found() -> None:
    assert len(check_chain([link(2, 1, 100, 100)])) == 1
    assert len(check_chain([link(2, 0, 100, 101)])) == 1


def test_what_is_negligible_is_not_reported() -> None:
    chain = [link(2, 0, 100, 103), link(7, 2, -30, 74)]
    assert check_chain(chain, are_all_reported=False) == []
    assert len(check_chain([chain[1]], are_all_reported=False)) == 1


def test_each_account_has_its_chain() -> None:
    other = link(1, 0, 50, 50, creditor_id=12)
    assert chain_problems(received(link(2, 0, 100, 100), other, link(7, 2, -30, 70))) == []
    (problem,) = chain_problems(received(link(2, 0, 100, 100), link(1, 1, 50, 50, creditor_id=12)))
    assert problem.startswith("(5, 12, '2024-05-20'): transfer number 1: ")


def test_repetitions_must_be_equal() -> None:
    first = link(2, 0, 100, 100)
    assert chain_problems(received(first, first)) == []
    (problem,) = chain_problems(received(first, link(2, 0, 99, 100)))
    assert problem.startswith("repeated with a different content")
