"""The thread that consumes SMP messages."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from typing import TypeVar

import psycopg
from pika.exceptions import AMQPError

from swpt_accounts.broker.consumer import POLL_SECONDS, BatchConsumer, Delivery, Refusal
from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.db.procedures import FORGET_HANDLED
from swpt_accounts.inbox.batch import Received, decode_batch
from swpt_accounts.inbox.draining import DRAINING_POLL_SECONDS, DrainingPauses
from swpt_accounts.inbox.effects import apply_messages
from swpt_accounts.inbox.locked import LockedAccounts
from swpt_accounts.inbox.waiting import WaitingMessages
from swpt_accounts.settings import Settings
from swpt_accounts.workers.backoff import Backoff
from swpt_accounts.workers.stopping import Stop

logger = logging.getLogger(__name__)

NAME = "consume_messages"
# How long after its commit a message may be delivered again: the broker notices a lost
# connection within minutes. After an outage nothing is forgotten until the broker has had the
# time to deliver again what was on its way when the outage began.
HANDLED_AGE_MAX = timedelta(minutes=15)
FORGET_SECONDS = 60.0
FORGET_AFTER_SECONDS = 600.0
# Held for longer, a batch would be taken away by the broker, again and again.
GIVE_BACK_SECONDS = 300.0
REASON_LENGTH_MAX = 300
# How soon the answer of another shard, or the end of a lock, is noticed by those who wait for it.
ANSWER_SECONDS = 0.05
# For what is locked in spite of all care. Others wait, too, until it is known whose lock it is.
LOCK_TIMEOUT = "200ms"
# When so many messages cannot get a lock, one after the other, it is not theirs: all have to wait.
CONTENDED_COUNT_MAX = 4
# What a message can be refused for. All other errors are of the database, a right, or an upgrade:
# they may pass, and no message is to blame.
_ERRORS_OF_MESSAGES = (psycopg.DataError, psycopg.IntegrityError)

T = TypeVar("T")


class _GiveBack(Exception):
    """What is not acknowledged goes back to the queue."""


@dataclass(slots=True)
class _Outcome:
    """What became of messages, other than that they have taken effect."""

    refused: list[Refusal] = field(default_factory=list)
    # could not get a lock
    contended: list[Received] = field(default_factory=list)


class InboxWorker:
    """Consumes messages: decodes a batch, commits its effects, acknowledges it."""

    def __init__(self, settings: Settings, stop: Stop, *, is_draining: bool = False) -> None:
        self._settings = settings
        self._stop = stop
        self._is_draining = is_draining
        self._connection: DatabaseConnection | None = None
        self._forget_at = 0.0
        # Half of what the broker delivers at once, so that others are always delivered.
        count_max = max(settings.protocol_broker_prefetch_count // 2, 1)
        self._waiting = WaitingMessages(settings, count_max)
        self._locked = LockedAccounts(count_max)

    def run(self) -> None:
        """Consume until the stop, whatever becomes of the broker and the database."""
        backoff = Backoff()
        while not self._stop.is_requested():
            try:
                # without a database messages are better off in the queue
                self._connect()
                self._consume(backoff)
            except _GiveBack:
                pass
            except psycopg.Error as error:
                logger.warning("No connection to the database: %s. Trying again.", error)
                self._stop.wait(backoff.next())
            except AMQPError as error:
                logger.warning("No connection to the broker: %r. Trying again.", error)
                self._stop.wait(backoff.next())
        self._disconnect()

    def _consume(self, backoff: Backoff) -> None:
        settings = self._settings
        consumer = BatchConsumer(
            settings.protocol_broker_url,
            settings.protocol_broker_queue,
            NAME,
            prefetch_count=settings.protocol_broker_prefetch_count,
            prefetch_size=settings.protocol_broker_prefetch_size,
            stop=self._stop,
        )
        self._forget_at = monotonic() + FORGET_AFTER_SECONDS
        pauses = DrainingPauses() if self._is_draining else None
        poll_seconds = POLL_SECONDS if pauses is None else DRAINING_POLL_SECONDS
        try:
            while not self._stop.is_requested():
                are_waiting = self._held_count > 0
                batch = consumer.next_batch(ANSWER_SECONDS if are_waiting else poll_seconds)
                backoff.reset()
                if batch or are_waiting:
                    self._handle(consumer, batch)
                if pauses is not None:
                    pauses.after_batch(consumer, len(batch) + self._held_count, self._stop)
        finally:
            self._waiting.clear()
            self._locked.clear()
            consumer.close()

    @property
    def _held_count(self) -> int:
        """How many messages wait beside the batches."""
        return self._waiting.count + self._locked.count

    def _handle(self, consumer: BatchConsumer, batch: list[Delivery]) -> None:
        """Commit the effects of a batch, and of what waited beside it, and acknowledge them.

        Raises `_GiveBack` when not everything was done.
        """
        received, refusals = decode_batch(batch, self._settings.realm)
        if refusals:
            consumer.finish([refusal.delivery for refusal in refusals], refusals)
        if not received and not self._held_count:
            return
        count = len(received)
        known = self._persist(consumer, count, lambda c, _: self._waiting.exchange(c, received))
        ready = self._persist(consumer, count, lambda c, _: self._locked.exchange(c, known))
        self._take_effect(consumer, ready)
        self._take_effect(consumer, self._locked.take_contended())

    def _take_effect(self, consumer: BatchConsumer, ready: list[Received]) -> None:
        if not ready:
            return
        outcome = self._persist(
            consumer, len(ready), lambda c, r: self._apply(c, ready, is_repeated=r)
        )
        if outcome.contended:
            self._locked.hold_contended(outcome.contended)
            ready = [r for r in ready if r not in outcome.contended]
        consumer.finish([r.delivery for r in ready], outcome.refused)

    def _persist(
        self, consumer: BatchConsumer, count: int, step: Callable[[DatabaseConnection, bool], T]
    ) -> T:
        """Take a step of a batch of so many messages, whatever happens to the database in the
        meantime. The step is told whether it may have been committed before.

        Raises `_GiveBack` at the stop, or when the database is away for long.
        """
        backoff = Backoff()
        is_repeated = False
        give_back_at = monotonic() + GIVE_BACK_SECONDS
        while True:
            try:
                return step(self._connect(), is_repeated)
            except psycopg.Error as error:
                logger.warning("A batch of %d messages waits for the database: %s", count, error)
                # The commit may have come through, though its answer has not.
                is_repeated = True
                self._disconnect()
                if self._stop.wait(backoff.next()) or monotonic() > give_back_at:
                    raise _GiveBack from error
                consumer.keep_alive()

    def _apply(
        self, connection: DatabaseConnection, received: list[Received], *, is_repeated: bool
    ) -> _Outcome:
        """Commit the effects of messages. Of those that fail together, each half is tried alone,
        so that one which the database refuses, or one that waits for a lock, fails alone.
        """
        self._forget_handled(connection)
        is_single = len(received) == 1
        lock_error: psycopg.Error | None = None
        try:
            apply_messages(connection, self._settings, received, is_repeated=is_repeated)
            return _Outcome()
        except _ERRORS_OF_MESSAGES as error:
            if is_single:
                reason = " ".join(str(error).split())[:REASON_LENGTH_MAX]
                refusal = Refusal(received[0].delivery, f"the database refuses it: {reason}")
                return _Outcome(refused=[refusal])
        except psycopg.errors.LockNotAvailable as error:
            if is_single:
                return _Outcome(contended=received)
            lock_error = error
        middle = len(received) // 2
        first = self._apply(connection, received[:middle], is_repeated=is_repeated)
        if lock_error is not None and len(first.contended) >= CONTENDED_COUNT_MAX:
            raise lock_error
        second = self._apply(connection, received[middle:], is_repeated=is_repeated)
        return _Outcome(first.refused + second.refused, first.contended + second.contended)

    def _forget_handled(self, connection: DatabaseConnection) -> None:
        if monotonic() >= self._forget_at:
            connection.call(FORGET_HANDLED, age_max=HANDLED_AGE_MAX)
            self._forget_at = monotonic() + FORGET_SECONDS

    def _connect(self) -> DatabaseConnection:
        if self._connection is None:
            self._connection = connect(self._settings, NAME)
            self._connection.raw.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
