"""What threads that share a database know of it: whether it is unreachable."""

import logging
import threading
from collections.abc import Callable
from time import monotonic

import psycopg

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.workers.outage_reporter import OutageReporter

# After a failure no thread tries again for so long: the threads are needed for other answers.
_PAUSE_SECONDS_MAX = 1.0


class DatabaseUnavailable(Exception):
    """The database does not answer, or not this question. That may pass."""


class CircuitBreaker:
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

        Raises `DatabaseUnavailable`, `psycopg.Error`.
        """
        with self._lock:
            is_failing = self._closed_until > 0
            if monotonic() < self._closed_until or (is_failing and self._is_connecting):
                raise DatabaseUnavailable
            self._is_connecting = True
        try:
            return open_connection()
        finally:
            self._is_connecting = False
