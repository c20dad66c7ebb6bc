"""The functions in SQL of which the stored procedures are made."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import sql

from swpt_accounts.db.connection import DatabaseConnection
from verification.model.arithmetic import Arithmetic
from verification.model.money import T0


def call_function(connection: DatabaseConnection, name: str, *arguments: object) -> Any:
    """The value of a function of the database that only other functions call."""
    row = connection.raw.execute(
        "SELECT ARRAY(SELECT format_type(t, NULL) FROM unnest(proargtypes) AS t)"
        " FROM pg_proc WHERE oid = %s::text::regproc",
        [name],
    ).fetchone()
    assert row is not None
    casts = sql.SQL(", ").join(sql.SQL(f"%s::{sql_type}") for sql_type in row[0])
    statement = sql.SQL("SELECT {}({})").format(sql.Identifier(name), casts)
    found = connection.raw.execute(statement, arguments).fetchone()
    assert found is not None
    return found[0]


class DatabaseArithmetic(Arithmetic):
    """What a database calculates."""

    def __init__(self, connection: DatabaseConnection) -> None:
        self._connection = connection

    def _call(self, function: str, *args: Any) -> Any:
        return call_function(self._connection, function, *args)

    def balance(
        self, now: datetime, principal: int, interest: Decimal, rate: float, since: datetime
    ) -> Decimal:
        found: Decimal = self._call("balance_at", now, principal, interest, rate, since)
        return found

    def missed_interest(
        self, now: datetime, amount: int, committed_at: datetime, rate: float
    ) -> Decimal:
        args = now, amount, committed_at, rate, rate, T0
        found: Decimal = self._call("missed_interest", *args)
        return found

    def is_at_most(self, amount: int, number: float) -> bool:
        found: bool = self._call("is_at_most", amount, number)
        return found

    def contain(self, amount: int) -> int:
        found: int = self._call("contain_principal", Decimal(amount))
        return found

    def seconds_between(self, start: datetime, end: datetime) -> Decimal:
        found: Decimal = self._call("seconds_between", start, end)
        return found

    def next_seqnum(self, seqnum: int) -> int:
        found: int = self._call("next_seqnum", seqnum)
        return found

    def is_later_seqnum(self, seqnum: int, other: int) -> bool:
        found: bool = self._call("is_later_seqnum", seqnum, other)
        return found

    def account_id(self, creditor_id: int) -> str:
        found: str = self._call("account_id", creditor_id)
        return found

    def same_agent(self, creditor_id: int, other: int) -> bool:
        found: bool = self._call("same_agent", creditor_id, other)
        return found
