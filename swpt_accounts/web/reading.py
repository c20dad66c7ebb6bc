"""Reads from the database: each thread of the web server has a connection of its own."""

import threading
from typing import Any

import psycopg

from swpt_accounts.db.connection import connect
from swpt_accounts.db.procedures import Procedure
from swpt_accounts.settings import Settings

_NAME = "webserver"
_local = threading.local()


class _Reader:
    """A connection, and a cursor that is kept: a new one would take as long as the answer.

    Its statements have the placeholders of PostgreSQL, which need no translation.
    """

    def __init__(self, settings: Settings) -> None:
        self._connection = connect(settings, _NAME)
        self._cursor = psycopg.RawCursor(self._connection.raw)

    def value(self, procedure: Procedure, parameters: dict[str, Any]) -> Any:
        values = [parameters[name] for name in procedure.parameters]
        row = self._cursor.execute(procedure.numbered_statement, values).fetchone()
        assert row is not None
        return row[0]

    def close(self) -> None:
        self._connection.close()


def read(settings: Settings, procedure: Procedure, **parameters: Any) -> Any:
    """The value that a stored procedure returns.

    A connection that was lost in the meantime is made anew, once. Raises `psycopg.Error`.
    """
    kept: _Reader | None = getattr(_local, "reader", None)
    if kept is not None:
        try:
            return kept.value(procedure, parameters)
        except psycopg.OperationalError:
            kept.close()
            _local.reader = None
    _local.reader = _Reader(settings)
    value: Any = _local.reader.value(procedure, parameters)
    return value
