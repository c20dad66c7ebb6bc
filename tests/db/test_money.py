"""What the stored procedures calculate at the limits of the columns."""

from datetime import timedelta
from decimal import Decimal, localcontext

import pytest

from swpt_accounts.db.connection import DatabaseConnection
from verification.kit.arithmetic import call_function
from verification.model.builders import NOW, YEAR
from verification.model.money import MAX_INT64


def test_interest_is_limited(connection: DatabaseConnection) -> None:
    interest = call_function(connection, "interest_part", Decimal("1e2400"), MAX_INT64)
    assert interest == Decimal("1e36")


def test_interest_has_twenty_decimals(connection: DatabaseConnection) -> None:
    balance = Decimal("1000.123456789012345678914")
    interest = call_function(connection, "interest_part", balance, 1000)
    assert interest == Decimal("0.12345678901234567891")


@pytest.mark.parametrize(
    ("balance", "locked", "minimum", "expendable"),
    [
        (Decimal("10.9"), 3, 0, 7),
        (Decimal("-0.1"), 0, 0, -1),
        (Decimal(-5), 0, -MAX_INT64, MAX_INT64 - 5),
        (Decimal("1e30"), MAX_INT64, 0, MAX_INT64),
        (Decimal(-MAX_INT64), MAX_INT64, 0, -MAX_INT64),
    ],
)
def test_expendable_amount(
    connection: DatabaseConnection, balance: Decimal, locked: int, minimum: int, expendable: int
) -> None:
    assert call_function(connection, "expendable_amount", balance, locked, minimum) == expendable


@pytest.mark.parametrize("seconds", [1, 86399, 31557600])
def test_balance_has_twenty_decimals(connection: DatabaseConnection, seconds: int) -> None:
    now = NOW + timedelta(seconds=seconds)
    balance = call_function(connection, "balance_at", now, 1000, Decimal("0.5"), 5.5, NOW)
    with localcontext(prec=80):
        rate = Decimal("1.055").ln() / 31557600
        exact = Decimal("1000.5") * (rate * seconds).exp()
        assert balance == exact.quantize(Decimal("1e-20"))


@pytest.mark.parametrize(("previous_rate", "rate"), [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)])
def test_interest_is_missed_at_either_rate(
    connection: DatabaseConnection, previous_rate: float, rate: float
) -> None:
    arguments = NOW + 2 * YEAR, 100, NOW, previous_rate, rate, NOW + YEAR
    missed = call_function(connection, "missed_interest", *arguments)
    assert round(missed, 20) == round(Decimal(previous_rate + rate), 20)
