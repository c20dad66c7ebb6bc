"""Reads from the database: each thread of the web server has a connection of its own."""

import threading
from typing import Final

import psycopg
from psycopg import sql
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from swpt_accounts.db.connection import connect
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
        self._prepared: set[str] = set()

    def value(self, function: str, *account: int) -> str | None:
        pgconn, name = self._connection.raw.pgconn, function.encode()
        if function not in self._prepared:
            call = sql.SQL("SELECT {}($1, $2)").format(sql.Identifier(function))
            self._check(pgconn.prepare(name, call.as_bytes(None), [_INT8_OID] * 2))
            self._prepared.add(function)
        result = pgconn.exec_prepared(name, [b"%d" % n for n in account])
        self._check(result)
        value = result.get_value(0, 0)
        return None if value is None else value.decode(self._encoding)

    def _check(self, result: PGresult) -> None:
        if result.status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
            raise psycopg.OperationalError(result.error_message.decode(self._encoding, "replace"))

    def close(self) -> None:
        self._connection.close()


def read(settings: Settings, function: str, debtor_id: int, creditor_id: int) -> str | None:
    """What a stored procedure tells about an account, as PostgreSQL writes it: true is "t".

    `None` if it returns NULL. A connection that was lost in the meantime is made anew, once.
    Raises `psycopg.Error`.
    """
    kept: _Reader | None = getattr(_local, "reader", None)
    if kept is not None:
        try:
            return kept.value(function, debtor_id, creditor_id)
        except psycopg.OperationalError:
            kept.close()
            _local.reader = None
    reader = _local.reader = _Reader(settings)
    return reader.value(function, debtor_id, creditor_id)
