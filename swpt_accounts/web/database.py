"""Reads from the database: each thread of the web server has a connection of its own.

What is read is of this moment: when others have taken over the shard, nothing is.
"""

import logging
import threading
from typing import Final

import psycopg

from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.db.errors import ShardClosedError
from swpt_accounts.db.outage_reporter import CircuitBreaker, DatabaseUnavailable
from swpt_accounts.db.procedures import Procedure
from swpt_accounts.db.queries import query
from swpt_accounts.db.session_checks import TAKEN_OVER
from swpt_accounts.settings import Settings

_NAME = "webserver"
_local = threading.local()
_UNLESS_PAST: Final = query("unless_past").encode()
_breaker = CircuitBreaker(logging.getLogger(__name__), _NAME)


def read(settings: Settings, procedure: Procedure, **parameters: int) -> str | None:
    """The value that a stored procedure returns, as PostgreSQL writes it: true is "t".

    `None` if it returns NULL. A connection that was lost in the meantime is opened again, once.
    Raises `DatabaseUnavailable`.
    """
    try:
        value = _read(settings, procedure, [parameters[name] for name in procedure.parameters])
    except psycopg.Error as error:
        _breaker.failed(error)
        raise DatabaseUnavailable from error
    _breaker.succeeded()
    return value


def _read(settings: Settings, procedure: Procedure, values: list[int]) -> str | None:
    kept: DatabaseConnection | None = getattr(_local, "connection", None)
    if kept is not None:
        try:
            return _ask(kept, procedure, values)
        except psycopg.Error:
            kept.close()
            _local.connection = None
    connection = _breaker.connect(
        lambda: connect(settings, _NAME, is_read_only=True, is_for_peers=True)
    )
    try:
        value = _ask(connection, procedure, values)
    except BaseException:
        connection.close()
        raise
    _local.connection = connection
    return value


def _ask(connection: DatabaseConnection, procedure: Procedure, values: list[int]) -> str | None:
    found = connection.probe(procedure.numbered_statement + b" " + _UNLESS_PAST, *values)
    if not found:
        raise ShardClosedError(TAKEN_OVER)
    return found[0]
