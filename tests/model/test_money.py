"""Balances by hand: rates are chosen so that the results are whole numbers."""

from datetime import timedelta
from decimal import Decimal

import pytest

from . import money
from .builders import NOW, YEAR
from .ids import format_account_id, have_same_agent, parse_account_id
from .money import LATEST, MAX_INT64, T0

YEAR_SECONDS = Decimal(31557600)


@pytest.mark.parametrize(
    ("amount", "rate", "years", "grown"),
    [
        (1000, 0.0, 7, 1000),
        (1000, 100.0, 1, 2000),
        (1000, 100.0, 10, 1024000),
        (1000, -50.0, 1, 500),
        (1000, -50.0, 3, 125),
        (1000, 5.5, 1, 1055),
        (1000, 5.5, 2, Decimal("1113.025")),
        (1000, 21.0, Decimal("0.5"), 1100),
        (1000, 10.25, Decimal("0.5"), 1050),
        (-1000, 0.0, 1, -1000),
        (0, 100.0, 1, 0),
        (MAX_INT64, 100.0, 1, 2 * MAX_INT64),
        (MAX_INT64, 0.0, 8000, MAX_INT64),
        (10**20, 3.123456789, 1, 103123456789 * 10**9),
    ],
)
def test_growth(amount: int, rate: float, years: Decimal | int, grown: Decimal | int) -> None:
    assert money.grow(amount, rate, YEAR_SECONDS * years) == grown


def test_growth_is_rounded_to_20_decimals() -> None:
    # The square root of 2 is 1.41421356237309504880168872420969807856967...
    grown = money.grow(1, 100.0, YEAR_SECONDS / 2)
    assert grown == Decimal("1.41421356237309504880")


def test_growth_of_a_second() -> None:
    # ln(1.055) = 0.05354076692802981...; divided by 31557600 it is 1.696604524...e-9
    exponent = money.growth_exponent(5.5, Decimal(1))
    assert abs(exponent * YEAR_SECONDS - Decimal("0.0535407669280298")) < Decimal("1e-15")


def test_eight_thousand_years_do_not_break_the_arithmetic() -> None:
    assert money.grow(MAX_INT64, 100.0, YEAR_SECONDS * 8000) > Decimal("1e2400")
    assert money.grow(MAX_INT64, -50.0, YEAR_SECONDS * 8000) == 0


def test_missed_interest() -> None:
    exponent = money.growth_exponent(21.0, YEAR_SECONDS / 2)
    assert money.round_interest(money.missed_interest(1000, exponent)) == 100
    assert money.round_interest(money.missed_interest(-1000, exponent)) == -100
    assert money.missed_interest(MAX_INT64, Decimal(0)) == 0


def test_rounding_is_half_up() -> None:
    assert money.round_interest(Decimal("1.000000000000000000005")) == Decimal(
        "1.00000000000000000001"
    )
    assert money.round_interest(Decimal("1.000000000000000000004")) == 1


def test_sums_are_exact() -> None:
    assert money.add(money.add(Decimal("1e-20"), MAX_INT64), -MAX_INT64) == Decimal("1e-20")


@pytest.mark.parametrize(
    ("amount", "floor"),
    [
        (Decimal("1.99999999999999999999"), 1),
        (Decimal("-0.00000000000000000001"), -1),
        (MAX_INT64 + Decimal("0"), MAX_INT64),
        (16777217.0, 16777217),
        (40.9, 40),
        (1e30, 10**30 + 19884624838656),
    ],
)
def test_floor(amount: Decimal | float, floor: int) -> None:
    assert money.floor(amount) == floor


def test_seconds() -> None:
    assert money.seconds_between(NOW, NOW + timedelta(microseconds=1)) == Decimal("0.000001")
    assert money.seconds_between(NOW, NOW + YEAR) == YEAR_SECONDS
    assert money.seconds_between(NOW, NOW - YEAR) == 0
    assert money.seconds_between(T0, LATEST) == Decimal("253402300799.999999")


def test_moments_saturate() -> None:
    assert money.later_by(NOW, YEAR) == NOW + YEAR
    assert money.later_by(LATEST - YEAR, YEAR) == LATEST
    assert money.later_by(LATEST, timedelta(seconds=2**31 - 1)) == LATEST


def test_limits() -> None:
    assert money.contain(2**63) == 2**63 - 1
    assert money.contain(-(2**63)) == -(2**63) + 1
    assert money.contain(-7) == -7
    assert money.clamp_rate(-50.1) == -50.0
    assert money.clamp_rate(100.1) == 100.0
    assert money.clamp_rate(5.5) == 5.5


def test_ratio() -> None:
    assert not money.ratio_exceeds(1, 10000, 0.0001)
    assert money.ratio_exceeds(1, 9999, 0.0001)


@pytest.mark.parametrize(
    ("b", "a", "is_later"),
    [
        (1, 0, True),
        (0, 1, False),
        (0, 0, False),
        (-(2**31), 2**31 - 1, True),
        (2**31 - 1, -(2**31), False),
        (2**31 - 1, 0, True),
        (-(2**31), 0, False),
        (0, -(2**31), False),
    ],
)
def test_order_of_seqnums(b: int, a: int, is_later: bool) -> None:
    assert money.is_later_seqnum(b, a) is is_later


def test_next_seqnum() -> None:
    assert money.next_seqnum(0) == 1
    assert money.next_seqnum(2**31 - 1) == -(2**31)


@pytest.mark.parametrize(
    ("creditor_id", "account_id"),
    [
        (0, "0"),
        (2**63 - 1, "9223372036854775807"),
        (-(2**63), "9223372036854775808"),
        (-2, "18446744073709551614"),
        (-1, "18446744073709551615"),
    ],
)
def test_account_ids(creditor_id: int, account_id: str) -> None:
    assert format_account_id(creditor_id) == account_id
    assert parse_account_id(account_id) == creditor_id


@pytest.mark.parametrize(
    "text",
    ["", "00", "01", "-1", "+1", "1.0", " 1", "1\n", "1e1", "18446744073709551616", "\u0661"],
)
def test_not_an_account_id(text: str) -> None:
    assert parse_account_id(text) is None


def test_agents() -> None:
    assert have_same_agent((1 << 40) + 1, (1 << 40) + 2)
    assert have_same_agent(-1, -2)
    assert not have_same_agent((1 << 40) + 1, (2 << 40) + 1)
    assert not have_same_agent(2 << 40, 3 << 40)
    assert not have_same_agent(1, 2)
    assert not have_same_agent((1 << 40) - 1, 1 << 40)
