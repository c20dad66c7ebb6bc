"""Balances by hand: rates are chosen so that the results are whole numbers."""

from datetime import timedelta
from decimal import Decimal

import pytest

from verification.model import money
from verification.model.builders import NOW, YEAR
from verification.model.ids import parse_account_id
from verification.model.money import LATEST, MAX_INT64

YEAR_SECONDS = Decimal(31557600)


@pytest.mark.parametrize(
    ("amount", "rate", "years", "grown"),
    [
        (-1000, 0.0, 1, -1000),
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


def test_moments_saturate() -> None:
    assert money.later_by(NOW, YEAR) == NOW + YEAR
    assert money.later_by(LATEST - YEAR, YEAR) == LATEST
    assert money.later_by(LATEST, timedelta(seconds=2**31 - 1)) == LATEST


def test_rates_are_clamped() -> None:
    assert money.clamp_rate(-50.1) == -50.0
    assert money.clamp_rate(100.1) == 100.0
    assert money.clamp_rate(5.5) == 5.5


def test_ratio() -> None:
    assert not money.ratio_exceeds(1, 10000, 0.0001)
    assert money.ratio_exceeds(1, 9999, 0.0001)


@pytest.mark.parametrize(
    "text",
    ["", "00", "01", "-1", "+1", "1.0", " 1", "1\n", "1e1", "18446744073709551616", "\u0661"],
)
def test_not_an_account_id(text: str) -> None:
    assert parse_account_id(text) is None
