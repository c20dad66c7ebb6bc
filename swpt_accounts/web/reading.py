"""Reads from the database: each thread of the web server has a connection of its own."""

import logging
import threading
from time import monotonic

import psycopg

from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.db.procedures import Procedure
from swpt_accounts.settings import Settings
from swpt_accounts.workers.faults import FaultReporter

logger = logging.getLogger(__name__)

_NAME = "webserver"
# After a failure nobody tries again for so long: the threads are needed for other answers.
_PAUSE_SECONDS_MAX = 1.0
_local = threading.local()


class DatabaseAway(Exception):
    """The database does not answer, or not this question. That may pass."""


class _Outage:
    """What the threads of this process know of the database."""

    def __init__(self) -> None:
        self._faults = FaultReporter(logger, _NAME)
        self._lock = threading.Lock()
        self._is_connecting = False
        self._closed_until = 0.0

    def failed(self, error: psycopg.Error) -> None:
        with self._lock:
            seconds = self._faults.failed("the database", error)
            self._closed_until = monotonic() + min(seconds, _PAUSE_SECONDS_MAX)

    def works(self) -> None:
        """Cheap where nothing has failed."""
        if self._faults.is_failing:
            with self._lock:
                self._closed_until = 0.0
                self._faults.works()

    def connect(self, settings: Settings) -> DatabaseConnection:
        """Connect, but while that fails: one thread at a time, and not all the time.

        Raises `DatabaseAway`, `psycopg.Error`.
        """
        with self._lock:
            is_failing = self._closed_until > 0
            if monotonic() < self._closed_until or (is_failing and self._is_connecting):
                raise DatabaseAway
            self._is_connecting = True
        try:
            return connect(settings, _NAME, is_read_only=True)
        finally:
            self._is_connecting = False


_outage = _Outage()


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
    connection = _outage.connect(settings)
    try:
        value = connection.probe(procedure.numbered_statement, *values)[0]
    except BaseException:
        connection.close()
        raise
    _local.connection = connection
    return value
