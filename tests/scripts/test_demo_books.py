"""The demo's books: chains of AccountTransfer messages, and what creditors must have."""

from datetime import UTC, datetime
from typing import Any

import pytest

from scripts.demo_agents.books import Books, Committed, is_later

ANA, BORIS = 11, 12
AT = datetime(2024, 5, 20, 13, 15, 9, 123456, UTC)


def transfer(sender: int, recipient: int, amount: int, note: str) -> Committed:
    return Committed(sender, recipient, amount, note, "direct" if sender else "issuing", AT)


BOOKS = Books(
    [
        transfer(0, ANA, 100, "new money"),
        transfer(ANA, BORIS, 30, "a"),
        transfer(BORIS, ANA, 10, "b"),
        transfer(BORIS, 0, 5, "back"),
    ]
)


def link(number: int, made: Committed, acquired: int, principal: int) -> dict[str, Any]:
    return {
        "transfer_number": number,
        "previous_transfer_number": number - 1,
        "coordinator_type": made.coordinator_type,
        "sender": str(made.sender),
        "recipient": str(made.recipient),
        "acquired_amount": acquired,
        "transfer_note": made.note,
        "transfer_note_format": "",
        "committed_at": "2024-05-20T13:15:09.123456Z",
        "principal": principal,
    }


@pytest.fixture
def chain() -> list[dict[str, Any]]:
    """What is reported of Ana's account."""
    new_money, a, b, _ = BOOKS.committed
    return [link(1, new_money, 100, 100), link(2, a, -30, 70), link(3, b, 10, 80)]


def test_balances() -> None:
    assert (BOOKS.issued, BOOKS.returned) == (100, 5)
    assert [BOOKS.balance_of(account) for account in (0, ANA, BORIS)] == [-95, 80, 15]


def test_a_chain_in_any_order_is_right(chain: list[dict[str, Any]]) -> None:
    assert BOOKS.check_account(ANA, reversed(chain)) == []


def test_a_transfer_reported_twice_is_found(chain: list[dict[str, Any]]) -> None:
    again = {**chain[2], "transfer_number": 4, "previous_transfer_number": 3, "principal": 90}

    problems = BOOKS.check_account(ANA, [*chain, again])

    assert problems == ["expected one AccountTransfer for 'b', came 2"]


def test_a_transfer_of_nobody_is_found(chain: list[dict[str, Any]]) -> None:
    stray = link(4, transfer(BORIS, ANA, 1, "stray"), 1, 81)

    problems = BOOKS.check_account(ANA, [*chain, stray])

    assert problems == ["nobody made the transfer 'stray', but it was reported"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sender", "0"),
        ("recipient", "13"),
        ("coordinator_type", "agent"),
        ("committed_at", "2024-05-20T13:15:09.123457+00:00"),
        ("transfer_note_format", "."),
    ],
)
def test_a_wrong_value_is_found(chain: list[dict[str, Any]], name: str, value: str) -> None:
    chain[1][name] = value

    (problem,) = BOOKS.check_account(ANA, chain)

    assert problem.startswith(f"AccountTransfer for 'a': {name}: expected ")


def update(ts: str, seqnum: int, day: str = "2024-05-20") -> dict[str, Any]:
    return {"creation_date": day, "last_change_ts": ts, "last_change_seqnum": seqnum}


TS, LATER_TS = "2024-05-20T13:15:09+00:00", "2024-05-20T13:15:09.000001+00:00"


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        (update(TS, 1, "2024-05-21"), update(LATER_TS, 2)),
        (update(LATER_TS, 1), update(TS, 2)),
        (update(TS, 2), update(TS, 1)),
        (update(TS, -(1 << 31)), update(TS, (1 << 31) - 1)),
    ],
)
def test_order_of_account_updates(later: dict[str, Any], earlier: dict[str, Any]) -> None:
    assert is_later(later, earlier)
    assert not is_later(earlier, later)
    assert not is_later(later, later)
