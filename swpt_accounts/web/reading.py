"""Reads from the database: each thread of the web server has a connection of its own."""

import threading
from typing import Any

import psycopg

from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.db.procedures import Procedure
from swpt_accounts.settings import Settings

_NAME = "webserver"
_local = threading.local()


def read(settings: Settings, procedure: Procedure, **parameters: Any) -> Any:
    """The value that a stored procedure returns.

    A connection that was lost in the meantime is made anew, once. Raises `psycopg.Error`.
    """
    kept: DatabaseConnection | None = getattr(_local, "connection", None)
    if kept is not None:
        try:
            return kept.call_value(procedure, **parameters)
        except psycopg.OperationalError:
            kept.close()
            _local.connection = None
    _local.connection = connect(settings, _NAME)
    return _local.connection.call_value(procedure, **parameters)
