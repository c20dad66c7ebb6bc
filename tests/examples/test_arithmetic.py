"""The arithmetic of the rules, against decimals of 60 digits."""

import math
from datetime import datetime, timedelta
from decimal import Context, Decimal, localcontext
from itertools import product

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from verification.model.arithmetic import Arithmetic
from verification.model.builders import DAY, MICROSECOND, NOW, SECOND, YEAR
from verification.model.ids import parse_account_id
from verification.model.money import LATEST, MAX_INT64, T0

EARLIEST = datetime.min.replace(tzinfo=NOW.tzinfo)
YEAR_SECONDS = Decimal("365.25") * 86400
SIXTY_DIGITS = Context(prec=60)
RATES = [5.5, -50.0, 100.0, 3.123456789, 1e-60, 0.1 + 0.2]


def growth(rate: float, seconds: Decimal) -> Decimal:
    """`exp(k * seconds)`, in 60 digits."""
    with localcontext(SIXTY_DIGITS):
        return ((1 + Decimal(repr(rate)) / 100).ln() / YEAR_SECONDS * seconds).exp()


@pytest.mark.parametrize("rate", RATES)
def test_balance_is_exact_to_the_unit(arithmetic: Arithmetic, rate: float) -> None:
    interest = Decimal("0.12345678901234567890")
    principals = (1, 10**6, 2**53 + 1, MAX_INT64 - 1, MAX_INT64)
    times = (MICROSECOND, SECOND, DAY, 3 * YEAR, timedelta(days=3650, microseconds=123457))
    for principal, time in product(principals, times):
        found = arithmetic.balance(NOW + time, principal, interest, rate, NOW)
        seconds = Decimal(time // MICROSECOND) / 10**6
        with localcontext(SIXTY_DIGITS):
            expected = (principal + interest) * growth(rate, seconds)
            assert math.floor(found) == math.floor(expected), (principal, time)
            assert abs(found - expected) <= Decimal("1e-18"), (principal, time)


@pytest.mark.parametrize(
    ("principal", "rate", "years", "balance"),
    [
        (1000, 0.0, 7, 1000),
        (1000, 100.0, 1, 2000),
        (1000, 100.0, 10, 1024000),
        (1000, -50.0, 1, 500),
        (1000, 5.5, 1, 1055),
        (1000, 10.25, 0.5, 1050),
        (-1000, 0.0, 1, -1000),
        (MAX_INT64, 100.0, 1, 2 * MAX_INT64),
        (MAX_INT64, 100.0, 7, 128 * MAX_INT64),
        (MAX_INT64, -50.0, 2, Decimal(MAX_INT64) / 4),
        (1000, -50.0, 3, 125),
        (1000, 5.5, 2, Decimal("1113.025")),
        (1000, 21.0, 0.5, 1100),
        (MAX_INT64, 0.0, 7000, MAX_INT64),
        (0, 100.0, 1, 0),
        (-1, 100.0, 1, -1),
        (-MAX_INT64, 100.0, 1000, -MAX_INT64),
    ],
)
def test_whole_results_stay_whole(
    arithmetic: Arithmetic,
    principal: int,
    rate: float,
    years: float,
    balance: Decimal | int,
) -> None:
    now = NOW + years * YEAR
    assert arithmetic.balance(now, principal, Decimal(0), rate, NOW) == balance


@pytest.mark.parametrize("rate", RATES)
def test_nothing_grows_backwards(arithmetic: Arithmetic, rate: float) -> None:
    for now in (NOW, NOW - MICROSECOND, NOW - YEAR, EARLIEST):
        assert arithmetic.balance(now, MAX_INT64, Decimal("0.5"), rate, NOW) == (
            MAX_INT64 + Decimal("0.5")
        )


@pytest.mark.parametrize(
    ("principal", "interest", "balance"),
    [
        (0, Decimal(10**20), 2 * 10**20),
        (5, Decimal("-5"), 0),
        (5, Decimal("-5.00000000000000000001"), Decimal("-0.00000000000000000001")),
        (-5, Decimal(5), 0),
        (-5, Decimal(6), 2),
    ],
)
def test_only_a_positive_balance_grows(
    arithmetic: Arithmetic, principal: int, interest: Decimal, balance: Decimal
) -> None:
    assert arithmetic.balance(NOW + YEAR, principal, interest, 100.0, NOW) == balance


def test_ages_do_not_break_the_arithmetic(arithmetic: Arithmetic) -> None:
    assert arithmetic.balance(LATEST, MAX_INT64, Decimal(0), 100.0, T0) > Decimal("1e2400")
    assert arithmetic.balance(LATEST, MAX_INT64, Decimal(0), -50.0, T0) == 0


@pytest.mark.parametrize("rate", RATES)
def test_missed_interest_is_exact(arithmetic: Arithmetic, rate: float) -> None:
    time = timedelta(days=33, microseconds=7)
    for amount in (1, -1, 10**6, MAX_INT64, -MAX_INT64):
        found = arithmetic.missed_interest(NOW + time, amount, NOW, rate)
        with localcontext(SIXTY_DIGITS):
            expected = amount * (growth(rate, Decimal(time // MICROSECOND) / 10**6) - 1)
            assert abs(found - expected) <= Decimal("1e-18"), amount


@pytest.mark.parametrize(
    ("amount", "number", "is_at_most"),
    [
        (16777216, 16777216.0, True),
        (16777217, 16777216.0, False),
        (9007199254740992, 9007199254740992.0, True),
        (9007199254740993, 9007199254740992.0, False),
        (2**60, float(2**60), True),
        (2**60 + 1, float(2**60), False),
        (MAX_INT64, 2.0**63, True),
        (MAX_INT64, 9223372036854774784.0, False),
        (MAX_INT64, 1.7e308, True),
        (1, 0.9999999999999999, False),
        (0, 5e-324, True),
        (0, 0.0, True),
        (1, 0.0, False),
        (-MAX_INT64 - 1, 0.0, True),
    ],
)
def test_amounts_are_compared_exactly(
    arithmetic: Arithmetic, amount: int, number: float, is_at_most: bool
) -> None:
    assert (amount <= number) is is_at_most
    assert arithmetic.is_at_most(amount, number) is is_at_most


@hypothesis_settings(deadline=None, database=None, max_examples=200)
@given(
    amount=st.integers(-MAX_INT64 - 1, MAX_INT64),
    number=st.floats(min_value=0, allow_nan=False, allow_infinity=False),
    is_near=st.booleans(),
)
def test_any_amount_is_compared_exactly(
    arithmetic: Arithmetic, amount: int, number: float, is_near: bool
) -> None:
    number = float(abs(amount)) if is_near else number
    assert arithmetic.is_at_most(amount, number) is (amount <= number)


@pytest.mark.parametrize(
    ("amount", "contained"),
    [
        (2**63, MAX_INT64),
        (2**63 - 1, MAX_INT64),
        (-(2**63), -MAX_INT64),
        (-(2**63) + 1, -MAX_INT64),
        (10**2400, MAX_INT64),
        (-(10**36), -MAX_INT64),
        (-7, -7),
    ],
)
def test_principal_is_contained(arithmetic: Arithmetic, amount: int, contained: int) -> None:
    assert arithmetic.contain(amount) == contained


@pytest.mark.parametrize(
    ("start", "end", "seconds"),
    [
        (NOW, NOW + MICROSECOND, Decimal("0.000001")),
        (NOW, NOW - YEAR, Decimal(0)),
        (NOW, NOW + YEAR, YEAR_SECONDS),
        (T0, LATEST, Decimal("253402300799.999999")),
        (EARLIEST, LATEST, Decimal("315537897599.999999")),
    ],
)
def test_seconds(arithmetic: Arithmetic, start: datetime, end: datetime, seconds: Decimal) -> None:
    assert arithmetic.seconds_between(start, end) == seconds


@pytest.mark.parametrize(
    ("seqnum", "other", "is_later"),
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
def test_order_of_seqnums(arithmetic: Arithmetic, seqnum: int, other: int, is_later: bool) -> None:
    assert arithmetic.is_later_seqnum(seqnum, other) is is_later


def test_next_seqnum(arithmetic: Arithmetic) -> None:
    assert arithmetic.next_seqnum(0) == 1
    assert arithmetic.next_seqnum(2147483647) == -2147483648


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
def test_account_ids(arithmetic: Arithmetic, creditor_id: int, account_id: str) -> None:
    assert arithmetic.account_id(creditor_id) == account_id
    assert parse_account_id(account_id) == creditor_id


@pytest.mark.parametrize(
    ("creditor_id", "other", "is_same"),
    [
        ((1 << 40) + 1, (1 << 40) + 2, True),
        (-1, -2, True),
        ((1 << 40) + 1, (2 << 40) + 1, False),
        (2 << 40, 3 << 40, False),
        (1, 2, False),
        ((1 << 40) - 1, 1 << 40, False),
    ],
)
def test_agents(arithmetic: Arithmetic, creditor_id: int, other: int, is_same: bool) -> None:
    assert arithmetic.same_agent(creditor_id, other) is is_same
