"""The thread that consumes SMP messages."""

import logging
from time import monotonic

import psycopg
from pika.exceptions import AMQPError

from swpt_accounts.broker.consumer import POLL_SECONDS, BatchConsumer, Delivery, Refusal
from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.db.errors import UnsuitableDatabase
from swpt_accounts.inbox.batch import Received, decode_batch
from swpt_accounts.inbox.blame import apply_each
from swpt_accounts.inbox.draining import DRAINING_POLL_SECONDS, DrainingPauses
from swpt_accounts.inbox.handled import HandledTrail
from swpt_accounts.inbox.waiting import WaitingMessages
from swpt_accounts.settings import Settings
from swpt_accounts.workers.faults import FaultReporter
from swpt_accounts.workers.stopping import Stop

logger = logging.getLogger(__name__)

NAME = "consume_messages"
# Held for longer, a batch would be taken away by the broker, again and again.
GIVE_BACK_SECONDS = 300.0
# How soon the answer of another shard, for which messages wait, is noticed.
ANSWER_SECONDS = 0.05


class InboxWorker:
    """Consumes messages: decodes a batch, commits its effects, acknowledges it."""

    def __init__(self, settings: Settings, stop: Stop, *, is_draining: bool = False) -> None:
        self._settings = settings
        self._stop = stop
        self._is_draining = is_draining
        self._connection: DatabaseConnection | None = None
        self._was_connected = False
        self._database_faults = FaultReporter(logger, NAME)
        self._broker_faults = FaultReporter(logger, NAME)
        self._handled = HandledTrail()
        # Half of what the broker delivers at once, so that others are always delivered.
        count_max = max(settings.protocol_broker_prefetch_count // 2, 1)
        self._waiting = WaitingMessages(settings, count_max)

    def run(self) -> None:
        """Consume until the stop, whatever becomes of the broker and the database.

        Raises `UnsuitableDatabase` if it has never been better.
        """
        while not self._stop.is_requested():
            try:
                # without a database messages are better off in the queue
                self._connect()
                self._consume()
            except psycopg.Error as error:
                if isinstance(error, UnsuitableDatabase) and not self._was_connected:
                    raise
                self._stop.wait(self._database_faults.failed("the database", error))
            except AMQPError as error:
                self._stop.wait(self._broker_faults.failed("the broker", error))
        self._disconnect()

    def _consume(self) -> None:
        settings = self._settings
        consumer = BatchConsumer(
            settings.protocol_broker_url,
            settings.protocol_broker_queue,
            NAME,
            prefetch_count=settings.protocol_broker_prefetch_count,
            prefetch_size=settings.protocol_broker_prefetch_size,
            stop=self._stop,
        )
        self._handled.pause()
        pauses = DrainingPauses() if self._is_draining else None
        poll_seconds = POLL_SECONDS if pauses is None else DRAINING_POLL_SECONDS
        try:
            while not self._stop.is_requested():
                are_waiting = self._waiting.count > 0
                batch = consumer.next_batch(ANSWER_SECONDS if are_waiting else poll_seconds)
                self._broker_faults.works()
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
        is_repeated = False
        give_back_at = monotonic() + GIVE_BACK_SECONDS
        refused: list[Refusal] = []
        ready: list[Received] | None = None if received or self._waiting.count else []
        while ready is None or ready:
            try:
                connection = self._connect()
                self._handled.forget(connection)
                if ready is None:
                    ready = self._waiting.exchange(connection, received)
                refused = self._apply(connection, ready, is_repeated=is_repeated)
                self._database_faults.works()
                break
            except psycopg.Error as error:
                seconds = self._database_faults.failed("the database", error)
                # The commit may have come through, though its answer has not.
                is_repeated = True
                self._disconnect()
                if self._stop.wait(seconds) or monotonic() > give_back_at:
                    return False
                consumer.keep_alive()
        malformed = [refusal.delivery for refusal in refusals]
        consumer.finish([*malformed, *(r.delivery for r in ready)], refusals + refused)
        return True

    def _apply(
        self, connection: DatabaseConnection, received: list[Received], *, is_repeated: bool
    ) -> list[Refusal]:
        """Commit the effects of messages. Those that the database refuses are refused alone."""
        reasons = apply_each(connection, self._settings, received, is_repeated=is_repeated)
        return [Refusal(r.delivery, f"the database refuses it: {reason}") for r, reason in reasons]

    def _connect(self) -> DatabaseConnection:
        if self._connection is None:
            self._connection = connect(self._settings, NAME)
            self._was_connected = True
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
