"""Consumers that make room: for the deletion of their queue, or for a split of their shard."""

import logging
import math
import time
from typing import Final

from swpt_accounts.broker.consumer import BatchConsumer
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.queries import query
from swpt_accounts.db.session_checks import ORIGIN, refuse_consumers
from swpt_accounts.observability.events.messages import DRAINING_PAUSE
from swpt_accounts.workers.shutdown import ShutdownEvent

logger = logging.getLogger(__name__)

EMPTY_SECONDS = 2.0
# How often a consumer has to check whether its queue is empty.
DRAINING_POLL_SECONDS = 1.0
PAUSE_SECONDS_MIN = 15
PAUSE_SECONDS_MAX = 3600
_KEEP_ALIVE_SECONDS = 5.0
# A split is prepared for longer than that; in the switch itself, every moment counts.
_IDLE_SECONDS: Final = 10.0
_SPLITTING_SECONDS: Final = 0.3


class DrainPauses:
    """The pauses of one consumer in draining mode, in which its queue can be deleted.

    A pause comes when the queue has been empty for a moment, and each is twice as long as the
    one before. Pauses end at multiples of their length since the epoch, so that those of all
    consumers fall together.
    """

    def __init__(self) -> None:
        self._seconds = PAUSE_SECONDS_MIN
        self._empty_since: float | None = None

    def after_batch(self, consumer: BatchConsumer, count: int, shutdown: ShutdownEvent) -> None:
        """Note that a batch of so many messages was consumed; pause if it is time."""
        now = time.monotonic()
        if count > 0 or self._empty_since is None:
            self._empty_since = now
        elif now - self._empty_since >= EMPTY_SECONDS:
            self._pause(consumer, shutdown)
            self._empty_since = None

    def _pause(self, consumer: BatchConsumer, shutdown: ShutdownEvent) -> None:
        seconds = self._seconds + self._seconds - time.time() % self._seconds
        self._seconds = min(2 * self._seconds, PAUSE_SECONDS_MAX)
        DRAINING_PAUSE.log(logger, seconds=seconds)
        consumer.pause()
        end = time.monotonic() + seconds
        while not shutdown.is_requested() and (rest := end - time.monotonic()) > 0:
            shutdown.wait(min(rest, _KEEP_ALIVE_SECONDS))
            consumer.keep_alive()
        if not shutdown.is_requested():
            consumer.resume()


class DrainSignal:
    """Asks the database from time to time whether consumers have to leave (`shards switch`)."""

    def __init__(self, *, is_ignored: bool) -> None:
        self._due_at = math.inf if is_ignored else 0.0
        self._statement = query("split_marks").encode()
        self.has_parent = False
        """Whether this shard has just taken over from another one."""

    @property
    def rest_seconds(self) -> float:
        return self._due_at - time.monotonic()

    def put_off(self, seconds: float) -> None:
        self._due_at = time.monotonic() + seconds

    def check(self, connection: DatabaseConnection) -> None:
        """Raises `ShardClosedError` where consumers have to leave, and `psycopg.Error`."""
        marks = [mark for mark in connection.probe(self._statement) if mark is not None]
        refuse_consumers(marks)
        self.has_parent = ORIGIN in marks
        self._due_at = time.monotonic() + (_SPLITTING_SECONDS if marks else _IDLE_SECONDS)
