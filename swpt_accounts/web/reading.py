"""Reads from the database: each thread of the web server has a connection of its own."""

import threading
from typing import Final

import psycopg
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from swpt_accounts.db.connection import connect
from swpt_accounts.db.procedures import Procedure
from swpt_accounts.settings import Settings

_NAME = "webserver"
_INT8_OID: Final = 20
_local = threading.local()


class _Reader:
    """A connection, with prepared statements.

    It calls libpq itself. A cursor of psycopg waits in many small steps, in each of which
    another thread may take the interpreter: it needs more time for that than for all the rest.
    """

    def __init__(self, settings: Settings) -> None:
        self._connection = connect(settings, _NAME)
        self._encoding = self._connection.raw.info.encoding
        self._prepared: set[Procedure] = set()

    def value(self, procedure: Procedure, parameters: dict[str, int]) -> str | None:
        pgconn, name = self._connection.raw.pgconn, procedure.name.encode()
        values = [b"%d" % parameters[n] for n in procedure.parameters]
        if procedure not in self._prepared:
            types = [_INT8_OID] * len(values)
            self._check(pgconn.prepare(name, procedure.numbered_statement, types))
            self._prepared.add(procedure)
        result = pgconn.exec_prepared(name, values)
        self._check(result)
        value = result.get_value(0, 0)
        return None if value is None else value.decode(self._encoding)

    def _check(self, result: PGresult) -> None:
        if result.status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
            raise psycopg.OperationalError(result.error_message.decode(self._encoding, "replace"))

    def close(self) -> None:
        self._connection.close()


def read(settings: Settings, procedure: Procedure, **parameters: int) -> str | None:
    """The value that a stored procedure returns, as PostgreSQL writes it: true is "t".

    `None` if it returns NULL. A connection that was lost in the meantime is made anew, once.
    Raises `psycopg.Error`.
    """
    kept: _Reader | None = getattr(_local, "reader", None)
    if kept is not None:
        try:
            return kept.value(procedure, parameters)
        except psycopg.OperationalError:
            kept.close()
            _local.reader = None
    reader = _local.reader = _Reader(settings)
    return reader.value(procedure, parameters)
