"""Reads from the database: each thread of the web server has a connection of its own."""

import logging
import threading
from collections.abc import Callable
from time import monotonic

import psycopg

from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.db.procedures import Procedure
from swpt_accounts.settings import Settings
from swpt_accounts.workers.outage_reporter import OutageReporter

_NAME = "webserver"
# After a failure no thread tries again for so long: the threads are needed for other answers.
_PAUSE_SECONDS_MAX = 1.0


class DatabaseAway(Exception):
    """The database does not answer, or not this question. That may pass."""


class Outage:
    """Logs once that the database is unreachable, and lets one thread at a time try again."""

    def __init__(self, logger: logging.Logger, name: str) -> None:
        self._reporter = OutageReporter(logger, name)
        self._lock = threading.Lock()
        self._is_connecting = False
        self._closed_until = 0.0

    def failed(self, error: psycopg.Error) -> None:
        with self._lock:
            seconds = self._reporter.failed("the database", error)
            self._closed_until = monotonic() + min(seconds, _PAUSE_SECONDS_MAX)

    def succeeded(self) -> None:
        """Cheap where nothing has failed."""
        if self._reporter.is_failing:
            with self._lock:
                self._closed_until = 0.0
                self._reporter.succeeded()

    def connect(self, open_connection: Callable[[], DatabaseConnection]) -> DatabaseConnection:
        """Connect, but while that fails: one thread at a time, and not all the time.

        Raises `DatabaseAway`, `psycopg.Error`.
        """
        with self._lock:
            is_failing = self._closed_until > 0
            if monotonic() < self._closed_until or (is_failing and self._is_connecting):
                raise DatabaseAway
            self._is_connecting = True
        try:
            return open_connection()
        finally:
            self._is_connecting = False


_local = threading.local()
_outage = Outage(logging.getLogger(__name__), _NAME)


def read(settings: Settings, procedure: Procedure, **parameters: int) -> str | None:
    """The value that a stored procedure returns, as PostgreSQL writes it: true is "t".

    `None` if it returns NULL. A connection that was lost in the meantime is opened again, once.
    Raises `DatabaseAway`.
    """
    try:
        value = _read(settings, procedure, [parameters[name] for name in procedure.parameters])
    except psycopg.Error as error:
        _outage.failed(error)
        raise DatabaseAway from error
    _outage.succeeded()
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
