"""The thread that consumes SMP messages."""

import logging
from datetime import timedelta
from time import monotonic

import psycopg
from pika.exceptions import AMQPError

from swpt_accounts.broker.consumer import POLL_SECONDS, BatchConsumer, Delivery, Refusal
from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.db.procedures import FORGET_HANDLED
from swpt_accounts.inbox.batch import Received, decode_batch
from swpt_accounts.inbox.draining import DRAINING_POLL_SECONDS, DrainingPauses
from swpt_accounts.inbox.effects import apply_messages
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
# How soon the answer of another shard, for which messages wait, is noticed.
ANSWER_SECONDS = 0.05
# What a message can be refused for. All other errors are of the database, a right, or an upgrade:
# they may pass, and no message is to blame.
_ERRORS_OF_MESSAGES = (psycopg.DataError, psycopg.IntegrityError)


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

    def run(self) -> None:
        """Consume until the stop, whatever becomes of the broker and the database."""
        backoff = Backoff()
        while not self._stop.is_requested():
            try:
                # without a database messages are better off in the queue
                self._connect()
                self._consume(backoff)
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
                are_waiting = self._waiting.count > 0
                batch = consumer.next_batch(ANSWER_SECONDS if are_waiting else poll_seconds)
                backoff.reset()
                if (batch or are_waiting) and not self._handle(consumer, batch):
                    return
                if pauses is not None:
                    pauses.after_batch(consumer, len(batch) + self._waiting.count, self._stop)
        finally:
            self._waiting.clear()
            consumer.close()

    def _handle(self, consumer: BatchConsumer, batch: list[Delivery]) -> bool:
        """Commit the effects of a batch, whatever happens to the database in the meantime, and
        acknowledge it.

        Returns whether that was done; if not, all goes back to the queue: the stop came
        before the commit, or the database is away for long.
        """
        received, refusals = decode_batch(batch, self._settings.realm)
        backoff = Backoff()
        is_repeated = False
        give_back_at = monotonic() + GIVE_BACK_SECONDS
        refused: list[Refusal] = []
        ready: list[Received] | None = None if received or self._waiting.count else []
        while ready is None or ready:
            try:
                connection = self._connect()
                self._forget_handled(connection)
                if ready is None:
                    ready = self._waiting.exchange(connection, received)
                refused = self._apply(connection, ready, is_repeated=is_repeated)
                break
            except psycopg.Error as error:
                logger.warning(
                    "A batch of %d messages waits for the database: %s",
                    len(received if ready is None else ready),
                    error,
                )
                # The commit may have come through, though its answer has not.
                is_repeated = True
                self._disconnect()
                if self._stop.wait(backoff.next()) or monotonic() > give_back_at:
                    return False
                consumer.keep_alive()
        malformed = [refusal.delivery for refusal in refusals]
        consumer.finish([*malformed, *(r.delivery for r in ready)], refusals + refused)
        return True

    def _apply(
        self, connection: DatabaseConnection, received: list[Received], *, is_repeated: bool
    ) -> list[Refusal]:
        """Commit the effects of messages; a message that the database refuses is refused alone."""
        if not received:
            return []
        try:
            apply_messages(connection, self._settings, received, is_repeated=is_repeated)
        except _ERRORS_OF_MESSAGES as error:
            if len(received) == 1:
                reason = " ".join(str(error).split())[:REASON_LENGTH_MAX]
                return [Refusal(received[0].delivery, f"the database refuses it: {reason}")]
            middle = len(received) // 2
            return [
                refusal
                for half in (received[:middle], received[middle:])
                for refusal in self._apply(connection, half, is_repeated=is_repeated)
            ]
        return []

    def _forget_handled(self, connection: DatabaseConnection) -> None:
        if monotonic() >= self._forget_at:
            connection.call(FORGET_HANDLED, age_max=HANDLED_AGE_MAX)
            self._forget_at = monotonic() + FORGET_SECONDS

    def _connect(self) -> DatabaseConnection:
        if self._connection is None:
            self._connection = connect(self._settings, NAME)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
