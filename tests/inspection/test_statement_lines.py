"""A statement's lines lead from the opening principal to the closing one, or say what is wrong."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swpt_accounts.core.ids import MAX_INT64
from swpt_accounts.inspection.lookup.statement_lines import (
    KnownPrincipal,
    Number,
    StatedTransfer,
    make_lines,
)

NOW = datetime(2024, 5, 20, tzinfo=UTC)
DATE = "2024-05-20"


def history(amounts: list[int], start: int = 0) -> list[StatedTransfer]:
    """An account's transfers."""
    made, principal = [], start
    for number, amount in enumerate(amounts, 1):
        principal += amount
        at = NOW + timedelta(seconds=number)
        transfer = StatedTransfer(
            Number(DATE, number), number - 1, amount, principal, at, "direct", "1", "2", ""
        )
        made.append(transfer)
    return made


def known(transfer: StatedTransfer, difference: int = 0) -> KnownPrincipal:
    return KnownPrincipal(
        transfer.number, transfer.principal + difference, transfer.at + timedelta(hours=1)
    )


@given(st.lists(st.integers(-(10**18), 10**18), min_size=1, max_size=8), st.data())
def test_lines_add_up_wherever_a_statement_begins(amounts: list[int], data: st.DataObject) -> None:
    transfers = history(amounts)
    first = data.draw(st.integers(0, len(transfers) - 1))
    is_known = data.draw(st.booleans())
    before = known(transfers[first - 1]) if first and is_known else None
    made = make_lines(before, transfers[first:], known(transfers[-1]))
    assert made.opening is not None
    assert made.opening.principal == sum(amounts[:first])
    assert made.closing == sum(amounts)
    assert [line.amount for line in made.lines] == amounts[first:]
    assert made.problems == []
    assert bool(made.gaps) == (first > 0 and before is None)


@given(st.lists(st.integers(1, 10**6), min_size=3, max_size=9), st.data())
def test_missing_transfers_are_told(amounts: list[int], data: st.DataObject) -> None:
    transfers = history(amounts)
    lost = data.draw(st.integers(1, len(transfers) - 2))
    rest = transfers[:lost] + transfers[lost + 1 :]
    made = make_lines(None, rest, known(transfers[-1]))
    assert sum(line.amount for line in made.lines) == made.closing == sum(amounts)
    (line,) = (line for line in made.lines if line.transfer_number is None)
    assert line.amount == amounts[lost]
    assert "the journal lacks 1 AccountTransfer after" in line.text
    assert made.problems == []
    assert len(made.gaps) == 1


@given(st.lists(st.integers(-(10**6), 10**6), min_size=2, max_size=9), st.data())
def test_a_principal_that_is_wrong_is_told(amounts: list[int], data: st.DataObject) -> None:
    transfers = history(amounts)
    stolen = data.draw(st.integers(1, 1000))
    place = data.draw(st.integers(1, len(transfers)))
    wrong = transfers[:place] + [
        replace(transfer, principal=transfer.principal - stolen) for transfer in transfers[place:]
    ]
    made = make_lines(None, wrong, known(transfers[-1], -stolen))
    assert len(made.problems) == 1
    assert f"{stolen} is missing without an AccountTransfer" in made.problems[0]


def test_small_amounts_are_a_line_and_no_problem() -> None:
    transfers = history([5])
    made = make_lines(None, transfers, known(transfers[0], 3))
    assert [line.amount for line in made.lines] == [5, 3]
    assert made.problems == []


def test_an_account_that_was_opened_again() -> None:
    first, again = history([5])[0], replace(history([7])[0], number=Number("2025-01-01", 1))
    made = make_lines(known(first), [again], None)
    assert [line.amount for line in made.lines] == [-5, 7]
    assert "created again" in made.lines[0].text
    assert made.problems == []


def test_a_principal_that_was_contained() -> None:
    (first,) = history([MAX_INT64])
    again = replace(first, number=Number(DATE, 2), previous=1, amount=10)
    made = make_lines(None, [first, again], known(again))
    assert made.closing == MAX_INT64
    assert ["truncated" in problem for problem in made.problems] == [True]


def test_numbers_that_go_back_are_a_problem() -> None:
    first, second = history([5, 6])
    made = make_lines(known(second), [first], None)
    assert any("decrease" in problem for problem in made.problems)


@pytest.mark.parametrize("now", [None, KnownPrincipal(Number(DATE, 0), 5, NOW)])
def test_nothing_is_known(now: KnownPrincipal | None) -> None:
    made = make_lines(None, [], now)
    assert (made.opening, made.lines, made.closing) == (None, [], None)
