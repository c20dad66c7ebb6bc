"""Reads from the database: each thread of the web server has a connection of its own."""

import logging
import threading

import psycopg

from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.db.procedures import Procedure
from swpt_accounts.settings import Settings
from swpt_accounts.web.outage import DatabaseAway, Outage

__all__ = ["DatabaseAway", "read"]

_NAME = "webserver"
_local = threading.local()
_outage = Outage(logging.getLogger(__name__), _NAME)


def read(settings: Settings, procedure: Procedure, **parameters: int) -> str | None:
    """The value that a stored procedure returns, as PostgreSQL writes it: true is "t".

    `None` if it returns NULL. A connection that was lost in the meantime is made anew, once.
    Raises `DatabaseAway`.
    """
    try:
        value = _read(settings, procedure, [parameters[name] for name in procedure.parameters])
    except psycopg.Error as error:
        _outage.failed(error)
        raise DatabaseAway from error
    _outage.works()
    return value


def _read(settings: Settings, procedure: Procedure, values: list[int]) -> str | None:
    kept: DatabaseConnection | None = getattr(_local, "connection", None)
    if kept is not None:
        try:
            return kept.probe(procedure.numbered_statement, *values)[0]
        except psycopg.Error:
            kept.close()
            _local.connection = None
    connection = _outage.connect(lambda: connect(settings, _NAME, is_read_only=True))
    try:
        value = connection.probe(procedure.numbered_statement, *values)[0]
    except BaseException:
        connection.close()
        raise
    _local.connection = connection
    return value
