"""Reads from the database: each thread of the web server has a connection of its own."""

import threading
from functools import cache
from typing import Any

import psycopg
from psycopg import sql

from swpt_accounts.db.connection import connect
from swpt_accounts.settings import Settings

_NAME = "webserver"
_local = threading.local()


@cache
def _statement(function: str) -> bytes:
    return sql.SQL("SELECT {}($1, $2)").format(sql.Identifier(function)).as_bytes(None)


class _Reader:
    """A connection, and a cursor that is kept: a new one would take as long as the answer.

    Its statements have the placeholders of PostgreSQL, which need no translation.
    """

    def __init__(self, settings: Settings) -> None:
        self._connection = connect(settings, _NAME)
        self._cursor = psycopg.RawCursor(self._connection.raw)

    def value(self, function: str, debtor_id: int, creditor_id: int) -> Any:
        row = self._cursor.execute(_statement(function), (debtor_id, creditor_id)).fetchone()
        assert row is not None
        return row[0]

    def close(self) -> None:
        self._connection.close()


def read(settings: Settings, function: str, debtor_id: int, creditor_id: int) -> Any:
    """The value that a stored procedure returns about an account.

    A connection that was lost in the meantime is made anew, once. Raises `psycopg.Error`.
    """
    kept: _Reader | None = getattr(_local, "reader", None)
    if kept is not None:
        try:
            return kept.value(function, debtor_id, creditor_id)
        except psycopg.OperationalError:
            kept.close()
            _local.reader = None
    _local.reader = _Reader(settings)
    value: Any = _local.reader.value(function, debtor_id, creditor_id)
    return value
