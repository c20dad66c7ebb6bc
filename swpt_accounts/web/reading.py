"""Reads from the database: each thread of the web server has a connection of its own."""

import threading

import psycopg

from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.db.procedures import Procedure
from swpt_accounts.settings import Settings

_NAME = "webserver"
_local = threading.local()


def read(settings: Settings, procedure: Procedure, **parameters: int) -> str | None:
    """The value that a stored procedure returns, as PostgreSQL writes it: true is "t".

    `None` if it returns NULL. A connection that was lost in the meantime is made anew, once.
    Raises `psycopg.Error`.
    """
    values = [parameters[name] for name in procedure.parameters]
    kept: DatabaseConnection | None = getattr(_local, "connection", None)
    if kept is not None:
        try:
            return kept.probe(procedure.numbered_statement, *values)[0]
        except psycopg.Error:
            kept.close()
            _local.connection = None
    connection = _local.connection = connect(settings, _NAME)
    return connection.probe(procedure.numbered_statement, *values)[0]
