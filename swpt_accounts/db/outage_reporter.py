"""Outages of servers: how long to wait before the next attempt, and few lines of the log."""

import logging
import random
import threading
from collections.abc import Callable
from time import monotonic
from typing import Final

import psycopg

from swpt_accounts.core.formatting import duration
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.errors import ShardClosedError, kind_of, one_line
from swpt_accounts.observability.events.lifecycle import SERVER_AWAY, SERVER_BACK
from swpt_accounts.observability.heartbeat import current_heartbeat
from swpt_accounts.observability.log.throttle import LogThrottle
from swpt_accounts.observability.metrics.definitions import RETRIES
from swpt_accounts.observability.metrics.recorder import count


class Backoff:
    """Waits that double from `seconds_min` to `seconds_max`, with a random part."""

    def __init__(self, seconds_min: float = 0.1, seconds_max: float = 5.0) -> None:
        assert 0 < seconds_min <= seconds_max
        self._min = seconds_min
        self._max = seconds_max
        self._next = seconds_min

    def next(self) -> float:
        """The seconds to wait now."""
        seconds = self._next
        self._next = min(2 * seconds, self._max)
        return seconds * random.uniform(0.75, 1.0)  # noqa: S311 - it guards no secret

    def reset(self) -> None:
        """Start again with `seconds_min`: the last try succeeded."""
        self._next = self._min


REMINDER_SECONDS: Final = 300.0
# What has failed a moment ago is not over yet: it may come and go.
QUIET_SECONDS: Final = 5.0
# What has worked for so long is tried again at once.
WORKING_SECONDS: Final = 1.0
# The children of a split shard begin at once when their turn comes.
CLOSED_SECONDS_MAX: Final = 1.0
_KINDS_COUNT_MAX: Final = 10


class OutageReporter:
    """Says how long to wait after an error, and logs the outage in few lines.

    A line when it begins, when its kind changes, every five minutes, and when it is over.
    """

    def __init__(self, logger: logging.Logger, name: str) -> None:
        self._logger = logger
        self._name = name
        self._backoff = Backoff()
        self._began_at: float | None = None
        self._failed_at = 0.0
        self._succeeds_since: float | None = None
        self._logged_at = 0.0
        self._kinds = LogThrottle(keys_max=_KINDS_COUNT_MAX)
        self._has_succeeded = False

    @property
    def is_failing(self) -> bool:
        """Whether something has failed, and is not known to be over."""
        return self._began_at is not None

    def failed(self, what: str, error: BaseException) -> float:
        """Note that `what` ("the database") fails. Returns how many seconds to wait."""
        now = self._failed_at = monotonic()
        count(RETRIES, 1, self._name, what, type(error).__name__)
        self._degrade(what, one_line(error))
        if self._succeeds_since is not None and now - self._succeeds_since >= WORKING_SECONDS:
            self._backoff.reset()
        self._succeeds_since = None
        is_new = self._kinds.allows(f"{what}: {kind_of(error)}")
        if self._began_at is None:
            self._began_at = now
            self._log(now, "cannot use", what, error, "Retrying.")
        elif is_new or now - self._logged_at >= REMINDER_SECONDS:
            since = f"Retrying for {duration(now - self._began_at)}."
            self._log(now, "still cannot use", what, error, since)
        seconds = self._backoff.next()
        return min(seconds, CLOSED_SECONDS_MAX) if isinstance(error, ShardClosedError) else seconds

    def succeeded(self) -> None:
        """Note that it works. May be called all the time: it costs nothing then."""
        if self._began_at is None and self._has_succeeded:
            return
        self._note_heartbeat()
        if self._began_at is None:
            return
        now = monotonic()
        if self._succeeds_since is None:
            self._succeeds_since = now
        if now - self._failed_at >= QUIET_SECONDS:
            seconds = self._succeeds_since - self._began_at
            SERVER_BACK.log(self._logger, worker=self._name, seconds=seconds)
            self._began_at = None
            self._kinds.reset()
            self._backoff.reset()

    def blocked(self, what: str, reason: str) -> None:
        """Note that `what` lets its clients wait, which is no error."""
        self._has_succeeded = False
        self._degrade(what, reason)

    def _degrade(self, what: str, reason: str) -> None:
        if (heartbeat := current_heartbeat()) is not None:
            heartbeat.degrade(self, f"waiting for {what}: {reason}")

    def reached(self) -> None:
        """Note that a server that has failed answers again; the work has not gone on yet."""
        if self.is_failing:
            self.succeeded()

    def _note_heartbeat(self) -> None:
        """Say that nothing is lacking, as far as this is about."""
        self._has_succeeded = True
        if (heartbeat := current_heartbeat()) is not None:
            heartbeat.recover(self)

    def _log(self, now: float, verb: str, what: str, error: BaseException, end: str) -> None:
        self._logged_at = now
        SERVER_AWAY.log(
            self._logger,
            worker=self._name,
            verb=verb,
            server=what,
            problem=one_line(error),
            outlook=end,
        )


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
