"""The thread that consumes SMP messages."""

import logging
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

import psycopg
from pika.exceptions import AMQPError

from swpt_accounts.broker.consumer import POLL_SECONDS, BatchConsumer, Delivery, Refusal
from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.db.errors import ShardClosedError, UnsuitableDatabase
from swpt_accounts.db.outage_reporter import OutageReporter
from swpt_accounts.inbox.batch import (
    ReceivedMessage,
    are_strangers_taken,
    decode_batch,
    refuse_strangers,
)
from swpt_accounts.inbox.commit import commit_batch
from swpt_accounts.inbox.deduplication import DigestRetention, HandledByParent
from swpt_accounts.inbox.drain import DRAINING_POLL_SECONDS, DrainPauses, DrainSignal
from swpt_accounts.inbox.observers import ReceivedSpans, note_parked, note_received, note_refused
from swpt_accounts.inbox.parking import LockedAccounts, UnknownRates
from swpt_accounts.observability.metrics.recorder import note_batch
from swpt_accounts.settings import Settings
from swpt_accounts.workers.shard_guard import claim_database
from swpt_accounts.workers.shutdown import ShutdownEvent

logger = logging.getLogger(__name__)

NAME = "consume_messages"
# Held for longer, a batch would be taken away by the broker, again and again.
GIVE_BACK_SECONDS = 300.0
# How soon the answer of another shard, or the end of a lock, is noticed while messages are parked.
ANSWER_SECONDS = 0.05
# For what is locked in spite of all care. Others wait, too, until it is known whose lock it is.
LOCK_TIMEOUT = "200ms"

T = TypeVar("T")


class _Requeue(Exception):
    """What is not acknowledged goes back to the queue."""


class InboxWorker:
    """Consumes messages: decodes a batch, commits its effects, acknowledges it."""

    def __init__(
        self,
        settings: Settings,
        shutdown: ShutdownEvent,
        *,
        is_draining: bool = False,
        is_last: bool = False,
    ) -> None:
        """The last one stays when the consumers of a shard that is split have to leave."""
        self._settings = settings
        self._shutdown = shutdown
        self._is_draining = is_draining
        self._connection: DatabaseConnection | None = None
        self._was_connected = False
        self._database_outage = OutageReporter(logger, NAME)
        self._broker_outage = OutageReporter(logger, NAME)
        self._spans = ReceivedSpans(settings)
        self._digests = DigestRetention()
        self._drain_signal = DrainSignal(is_ignored=is_last)
        is_child = settings.delete_parent_shard_records
        self._handled_by_parent = HandledByParent() if is_child else None
        # Half of what the broker delivers at once, so that others are always delivered.
        count_max = max(settings.protocol_broker_prefetch_count // 2, 1)
        self._unknown_rates = UnknownRates(settings, count_max)
        self._locked_accounts = LockedAccounts(count_max)
        self.held_count = 0
        """How many messages it has received, and not finished."""

    @property
    def name(self) -> str:
        """What operators know it by."""
        return NAME

    def run(self) -> None:
        """Consume until a shutdown is requested. Outages of the broker and the database pass.

        Raises `UnsuitableDatabase` if it has never been better.
        """
        while not self._shutdown.is_requested():
            try:
                # without a database messages are better off in the queue
                self._connect()
                self._consume()
            except _Requeue:
                pass
            except psycopg.Error as error:
                if isinstance(error, UnsuitableDatabase) and not self._was_connected:
                    raise
                self._shutdown.wait(self._database_outage.failed("the database", error))
            except AMQPError as error:
                seconds = self._broker_outage.failed("the broker", error)
                self._note_wait("the broker")
                self._shutdown.wait(seconds)
        self._disconnect()

    def _consume(self) -> None:
        settings = self._settings
        self._check_drain_signal()
        if self._drain_signal.has_parent and self._handled_by_parent is None:
            # its queue could have been bound too early
            self._handled_by_parent = HandledByParent()
        consumer = BatchConsumer(
            settings.protocol_broker_url,
            settings.protocol_broker_queue,
            NAME,
            prefetch_count=settings.protocol_broker_prefetch_count,
            prefetch_size=settings.protocol_broker_prefetch_size,
            shutdown=self._shutdown,
        )
        self._digests.pause()
        pauses = DrainPauses() if self._is_draining else None
        poll_seconds = POLL_SECONDS if pauses is None else DRAINING_POLL_SECONDS
        try:
            while not self._shutdown.is_requested():
                self._check_drain_signal()
                are_parked = self._parked_count > 0
                rest_seconds = max(self._drain_signal.rest_seconds, 0)
                batch = consumer.next_batch(
                    ANSWER_SECONDS if are_parked else min(poll_seconds, rest_seconds)
                )
                self._broker_outage.succeeded()
                self._note_wait("")
                if batch or are_parked:
                    self._handle(consumer, batch)
                self._forget_handled()
                if pauses is not None:
                    pauses.after_batch(consumer, len(batch) + self._parked_count, self._shutdown)
        finally:
            self._unknown_rates.clear()
            self._locked_accounts.clear()
            self.held_count = 0
            consumer.close()

    def _check_drain_signal(self) -> None:
        if self._drain_signal.rest_seconds > 0:
            return
        try:
            self._drain_signal.check(self._connect())
            self._database_outage.reached()
        except ShardClosedError:
            raise
        except psycopg.Error as error:
            # the next batch will wait for the database
            self._drain_signal.put_off(self._database_outage.failed("the database", error))
            self._disconnect()

    def _forget_handled(self) -> None:
        # (the children of a split shard may get the messages that its last consumers drain)
        if self._is_draining or not self._digests.is_due:
            return
        try:
            self._digests.forget(self._connect())
        except psycopg.Error:
            self._disconnect()
            self._digests.pause()

    @property
    def _parked_count(self) -> int:
        """How many messages wait beside the batches."""
        return self._unknown_rates.count + self._locked_accounts.count

    def _handle(self, consumer: BatchConsumer, batch: list[Delivery]) -> None:
        """Commit the effects of a batch, and of what waited beside it, and acknowledge them.

        Raises `_Requeue` when not everything was done.
        """
        started_at = monotonic()
        self.held_count = self._parked_count + len(batch)
        strangers = self._refuse_strangers(consumer, batch)
        refused = {refusal.delivery.tag for refusal in strangers}
        received, refusals = decode_batch(
            (d for d in batch if d.tag not in refused), self._settings.realm
        )
        refusals += strangers
        self._spans.begin(received)
        if refusals:
            consumer.finish([refusal.delivery for refusal in refusals], refusals)
            note_refused(refusals)
            self._spans.refuse(refusals)
        if received or self._parked_count:
            self._handle_received(consumer, received)
            note_batch(NAME, len(batch), monotonic() - started_at)
            note_parked(self._locked_accounts.count, self._unknown_rates.count)
        self.held_count = self._parked_count

    def _refuse_strangers(self, consumer: BatchConsumer, batch: list[Delivery]) -> list[Refusal]:
        refusals = refuse_strangers(batch, self._settings)
        realm = self._settings.realm
        if not refusals:
            return []
        are_taken = self._persist(consumer, lambda c, _: are_strangers_taken(c, realm))
        return [] if are_taken else refusals

    def _handle_received(self, consumer: BatchConsumer, received: list[ReceivedMessage]) -> None:
        marked = self._mark(consumer, received)
        known = self._persist(consumer, lambda c, _: self._unknown_rates.park(c, marked))
        ready = self._persist(consumer, lambda c, _: self._locked_accounts.park(c, known))
        self._commit(consumer, ready)
        self._commit(consumer, self._locked_accounts.release_contended())

    def _mark(
        self, consumer: BatchConsumer, received: list[ReceivedMessage]
    ) -> list[ReceivedMessage]:
        """What a parent shard may have handled counts as redelivered."""
        parent = self._handled_by_parent
        if parent is None or not received:
            return received
        return self._persist(consumer, lambda c, _: parent.mark(c, received))

    def _commit(self, consumer: BatchConsumer, ready: list[ReceivedMessage]) -> None:
        if not ready:
            return
        outcome = self._persist(
            consumer, lambda c, r: commit_batch(c, self._settings, ready, is_repeated=r)
        )
        if outcome.contended:
            self._locked_accounts.park_contended(outcome.contended)
            ready = [r for r in ready if r not in outcome.contended]
        refusals = [
            Refusal(r.delivery, f"the database refuses it: {reason}", "refused_by_database")
            for r, reason in outcome.refused
        ]
        consumer.finish([r.delivery for r in ready], refusals)
        note_received(ready, refusals)
        self._spans.end(ready, refusals)

    def _persist(self, consumer: BatchConsumer, step: Callable[[DatabaseConnection, bool], T]) -> T:
        """Take a step of a batch, and repeat it after errors of the database. Its second argument
        says whether it may have been committed before.

        Raises `_Requeue` at a shutdown, or when the database is unreachable for long.
        """
        is_repeated = False
        give_back_at = monotonic() + GIVE_BACK_SECONDS
        while True:
            try:
                result = step(self._connect(), is_repeated)
                self._database_outage.succeeded()
                return result
            except psycopg.Error as error:
                seconds = self._database_outage.failed("the database", error)
                # The commit may have come through, though its answer has not.
                is_repeated = True
                self._disconnect()
                is_closed = isinstance(error, ShardClosedError)
                if is_closed or self._shutdown.wait(seconds) or monotonic() > give_back_at:
                    raise _Requeue from error
                consumer.keep_alive()

    def _connect(self) -> DatabaseConnection:
        if self._connection is None:
            connection = connect(self._settings, NAME)
            try:
                claim_database(connection, self._settings)
                connection.raw.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
            except BaseException:
                connection.close()
                raise
            self._connection = connection
            self._was_connected = True
            self._database_outage.reached()
        return self._connection

    def _note_wait(self, server: str) -> None:
        """Let the name of the session say for what it waits, if there is a session."""
        try:
            if self._connection is not None:
                self._connection.note_wait(server)
        except psycopg.Error:
            self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
