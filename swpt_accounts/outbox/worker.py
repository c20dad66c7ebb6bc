"""The process that flushes the outboxes."""

from collections.abc import Container, Iterable
from time import monotonic

from pika.exceptions import AMQPError, ChannelClosedByBroker
from psycopg import sql

from swpt_accounts.broker.publisher import SERVER, AdaptiveBatch, Publisher
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.queries import fill_query
from swpt_accounts.outbox.flush import Flush, watch_flush
from swpt_accounts.outbox.messages import OutboxMessage
from swpt_accounts.outbox.observers import SentSpans, note_flush
from swpt_accounts.outbox.returned_messages import (
    end_lines,
    note_lines,
    put_aside,
    take_due_messages,
)
from swpt_accounts.outbox.tables import OutboxTable, outbox_table
from swpt_accounts.settings import Settings
from swpt_accounts.workers.database_worker import DatabaseWorker
from swpt_accounts.workers.journal import record
from swpt_accounts.workers.queue_cursor import QueueCursor
from swpt_accounts.workers.shutdown import ShutdownEvent

NAME = "flush_messages"
RETURNED_SECONDS = 1.0
RETURNED_COUNT_MAX = 250
_KEEP_ALIVE_SECONDS = 10.0
_RETURNED = "returned messages"
_ACCESS_REFUSED = 403


class FlushWorker(DatabaseWorker):
    """Sends what is in the outboxes, and removes it when the broker has confirmed it."""

    broker_errors = (AMQPError,)

    def __init__(
        self,
        settings: Settings,
        shutdown: ShutdownEvent,
        signal_names: Iterable[str],
        *,
        quit_early: bool = False,
    ) -> None:
        self._outboxes = [outbox_table(name, settings) for name in signal_names]
        super().__init__(
            settings,
            shutdown,
            NAME,
            topics=[s.name for s in self._outboxes],
            tables=[*(s.table for s in self._outboxes), "returned_message"],
        )
        self._spans = SentSpans(settings)
        self._wait_seconds = settings.flush_period
        self._quit_early = quit_early
        # Those with the largest bursts get what the others have left.
        self._outboxes.sort(key=lambda s: s.burst_count)
        self._names = [s.name for s in self._outboxes]
        self._cursors: dict[str, QueueCursor] = {}
        self._returned_at = self._probe_at = 0.0
        self._batch = self._new_batch()
        self._filled_query = _filled_query(self._outboxes)

    def _new_batch(self) -> AdaptiveBatch:
        """How many messages make a flush: at least one of each kind, at most all bursts."""
        bursts = [RETURNED_COUNT_MAX, *(s.burst_count for s in self._outboxes)]
        return AdaptiveBatch(len(bursts), sum(bursts))

    def work(self, connection: DatabaseConnection) -> None:
        """Send messages until shutdown; with `quit_early`, until there are none."""
        # A row that a crash of the server brings back is a message that is sent twice, no more.
        connection.raw.execute("SET synchronous_commit = off")
        publisher = self._open_publisher()
        self._cursors = {name: QueueCursor() for name in self._names}
        self._returned_at = 0.0
        self._probe_at = monotonic() + self._wait_seconds
        self._batch = self._new_batch()
        waiting = set(self._names)
        try:
            while not self.shutdown.is_requested():
                self._await_broker(connection, publisher)
                # an outbox that has always more must not keep the others waiting
                waiting = self._flush(connection, publisher, waiting) | connection.heard()
                self.note_success()
                if monotonic() >= self._probe_at:
                    # nor those whose notices were lost
                    waiting |= self._probe_outboxes(connection)
                if waiting:
                    continue
                if self._quit_early:
                    return
                while not waiting and not self.shutdown.is_requested():
                    waiting = self._wait(connection, publisher)
                    self.note_success()
        finally:
            publisher.close()

    def _open_publisher(self) -> Publisher:
        url = self.settings.protocol_broker_url
        publisher = Publisher(url, NAME)
        try:
            publisher.probe()
        except ChannelClosedByBroker as error:
            publisher.close()
            if error.reply_code != _ACCESS_REFUSED:
                raise
            # This user may not publish to the default exchange. A flusher need not.
            return Publisher(url, NAME)
        except BaseException:
            publisher.close()
            raise
        return publisher

    def _await_broker(self, connection: DatabaseConnection, publisher: Publisher) -> None:
        """Wait, without a transaction, until the broker takes messages, or until shutdown."""
        while publisher.is_blocked and not self.shutdown.wait(0.2):
            self._broker_outage.blocked(SERVER, "it blocks publishers (low memory or disk space)")
            connection.note_wait(SERVER)
            connection.keep_alive()
            publisher.keep_alive()

    def _flush(
        self, connection: DatabaseConnection, publisher: Publisher, waiting: set[str]
    ) -> set[str]:
        """Send a batch, in one transaction. Returns the names of the outboxes that have more."""
        flush = Flush()
        if _RETURNED in waiting:
            end_lines(connection, self._names)
        with connection.raw.transaction():
            self._take(connection, flush, waiting)
            if flush.messages:
                self._send(connection, publisher, flush)
        if not flush.messages:
            publisher.keep_alive()
        else:
            seconds = monotonic() - flush.started_at
            self._batch.note(len(flush.messages), seconds)
            self._spans.end(flush.messages)
            note_flush(NAME, flush, seconds)
        return flush.unfinished

    def _take(self, connection: DatabaseConnection, flush: Flush, waiting: set[str]) -> None:
        """Take messages: those that were returned, and then those in the outboxes."""
        outboxes = [outbox for outbox in self._outboxes if outbox.name in waiting]
        if _RETURNED in waiting or flush.started_at >= self._returned_at:
            self._returned_at = flush.started_at + RETURNED_SECONDS
            count_max = min(RETURNED_COUNT_MAX, self._batch.count // (len(outboxes) + 1))
            flush.messages += take_due_messages(connection, self._names, count_max)
            flush.returned_count = len(flush.messages)
            if flush.returned_count == count_max:
                flush.unfinished.add(_RETURNED)
        for others_count, outbox in zip(reversed(range(len(outboxes))), outboxes, strict=True):
            share = (self._batch.count - len(flush.messages)) // (others_count + 1)
            self._take_outbox(connection, flush, outbox, min(outbox.burst_count, share))

    def _take_outbox(
        self, connection: DatabaseConnection, flush: Flush, outbox: OutboxTable, count_max: int
    ) -> None:
        cursor = self._cursors[outbox.name]
        rows = outbox.take(connection.raw, after_id=cursor.after_id, count_max=count_max)
        flush.messages += (
            OutboxMessage.of(outbox.message(row), trace_context=outbox.trace_context(row))
            for row in rows
        )
        if rows:
            flush.oldest[outbox.name] = rows[0][-1]
        else:
            # Rows that another flusher is sending are not seen: should it fail, a full scan
            # finds them.
            cursor.request_full_scan()
        is_end = len(rows) < count_max
        cursor.seen(rows[-1][0] if rows else None, is_end=is_end)
        if not is_end:
            flush.unfinished.add(outbox.name)

    def _send(self, connection: DatabaseConnection, publisher: Publisher, flush: Flush) -> None:
        """Publish the messages, wait for the confirms, and put aside what is not taken."""
        messages = flush.messages
        self._spans.begin(messages)
        flush.refused |= publisher.publish(
            (message.publication for message in messages), watch_flush(connection, self.shutdown)
        )
        if note_lines(connection, messages[: flush.returned_count], flush.refused):
            flush.unfinished.add(_RETURNED)
        if flush.refused:
            put_aside(connection, messages, flush.refused)
            self._spans.refuse(messages, flush.refused)
        if self.settings.journal_days:
            record_sent(connection, messages, flush.refused)

    def _wait(self, connection: DatabaseConnection, publisher: Publisher) -> set[str]:
        """Wait for messages. Returns the names of the outboxes to read."""
        end = monotonic() + self._wait_seconds
        while (rest := end - monotonic()) > 0 and not self.shutdown.is_requested():
            heard = connection.wait(min(rest, _KEEP_ALIVE_SECONDS), self.shutdown)
            if heard:
                # (to publish is to keep alive)
                return heard
            publisher.keep_alive()
        return self._probe_outboxes(connection)

    def _probe_outboxes(self, connection: DatabaseConnection) -> set[str]:
        """Check all outboxes with one statement. Returns the names of those with messages."""
        after_ids = [cursor.after_id for cursor in self._cursors.values()]
        filled = {name for name in connection.probe(self._filled_query, *after_ids) if name}
        for name, cursor in self._cursors.items():
            if name not in filled:
                cursor.seen(None, is_end=True)
        self._probe_at = monotonic() + self._wait_seconds
        return filled


def record_sent(
    connection: DatabaseConnection, messages: Iterable[OutboxMessage], refused: Container[int]
) -> None:
    """Note in the journal all messages but those at the `refused` positions."""
    sent = (m for position, m in enumerate(messages) if position not in refused)
    record(connection.call, ((m.message, m.publication.body) for m in sent), is_sent=True)


def _filled_query(outboxes: Iterable[OutboxTable]) -> bytes:
    """Which of these have rows after the ids `$1`, `$2` …, and are returned messages due?"""
    parts = [
        fill_query(
            "filled_outbox",
            name=sql.Literal(outbox.name),
            table=sql.Identifier(outbox.table),
            after_id=sql.SQL(f"${number}"),
        )
        for number, outbox in enumerate(outboxes, 1)
    ]
    parts.append(
        fill_query(
            "has_due_messages",
            name=sql.Literal(_RETURNED),
            signal_names=sql.Literal([outbox.name for outbox in outboxes]),
        )
    )
    return b" UNION ALL ".join(parts)
