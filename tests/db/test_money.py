"""What the stored procedures calculate at the limits of the columns."""

from decimal import Decimal

import pytest

from swpt_accounts.db.connection import DatabaseConnection
from tests.model.money import MAX_INT64
from tests.support.database import call_function


def test_interest_is_limited(connection: DatabaseConnection) -> None:
    interest = call_function(connection, "interest_part", Decimal("1e2400"), MAX_INT64)
    assert interest == Decimal("1e36")


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
