"""The process that flushes the outboxes."""

import logging
from collections.abc import Iterable
from time import monotonic

from pika.exceptions import ChannelClosedByBroker
from psycopg import sql

from swpt_accounts.broker.adaptive_batch import Pace
from swpt_accounts.broker.publisher import Publisher
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.queries import fill_query
from swpt_accounts.outbox.flush_deadline import watch_flush
from swpt_accounts.outbox.journal import record_sent
from swpt_accounts.outbox.metrics import FlushRecord
from swpt_accounts.outbox.returned_messages import (
    Outgoing,
    Returned,
    end_lines,
    note_lines,
    put_aside,
    take_due_messages,
)
from swpt_accounts.outbox.spans import TracedMessages
from swpt_accounts.outbox.tables import OutboxTable, outbox_table
from swpt_accounts.outbox.type_adapters import wire_cursor
from swpt_accounts.settings import Settings
from swpt_accounts.workers.database_worker import DatabaseWorker
from swpt_accounts.workers.queue_cursor import QueueCursor
from swpt_accounts.workers.shutdown import ShutdownEvent

logger = logging.getLogger(__name__)

NAME = "flush_messages"
RETURNED_SECONDS = 1.0
RETURNED_COUNT_MAX = 250
_KEEP_ALIVE_SECONDS = 10.0
_RETURNED = "returned messages"
_ACCESS_REFUSED = 403


class FlushWorker(DatabaseWorker):
    """Sends what is in the outboxes, and removes it when the broker has confirmed it."""

    def __init__(
        self,
        settings: Settings,
        stop: ShutdownEvent,
        signal_names: Iterable[str],
        *,
        wait_seconds: float,
        quit_early: bool = False,
    ) -> None:
        self._outboxes = [outbox_table(name, settings) for name in signal_names]
        super().__init__(
            settings,
            stop,
            NAME,
            topics=[s.name for s in self._outboxes],
            tables=[*(s.table for s in self._outboxes), "returned_message"],
        )
        self._traced = TracedMessages(settings)
        self._wait_seconds = wait_seconds
        self._quit_early = quit_early
        # Those with the largest bursts get what the others have left.
        self._outboxes.sort(key=lambda s: s.burst_count)
        self._names = [s.name for s in self._outboxes]
        self._cursors: dict[str, QueueCursor] = {}
        self._returned_at = self._look_at = 0.0
        self._pace = self._new_pace()
        self._filled_query = _filled_query(self._outboxes)

    def _new_pace(self) -> Pace:
        """How many messages make a flush: at least one of each kind, at most all bursts."""
        bursts = [RETURNED_COUNT_MAX, *(s.burst_count for s in self._outboxes)]
        return Pace(len(bursts), sum(bursts))

    def work(self, connection: DatabaseConnection) -> None:
        """Send messages until the stop; with `quit_early`, until there are none."""
        publisher = self._open_publisher()
        self._cursors = {name: QueueCursor() for name in self._names}
        self._returned_at = 0.0
        self._look_at = monotonic() + self._wait_seconds
        self._pace = self._new_pace()
        waiting = set(self._names)
        try:
            while not self.stop.is_requested():
                self._await_broker(publisher)
                # an outbox that has always more must not keep the others waiting
                waiting = self._flush(connection, publisher, waiting) | connection.heard()
                self.note_success()
                if monotonic() >= self._look_at:
                    # nor those of whose messages nobody speaks again
                    waiting |= self._find_filled(connection)
                if waiting:
                    continue
                if self._quit_early:
                    return
                while not waiting and not self.stop.is_requested():
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

    def _await_broker(self, publisher: Publisher) -> None:
        """Wait, without a transaction, until the broker takes messages, or until the stop."""
        while publisher.is_blocked and not self.stop.wait(0.2):
            publisher.keep_alive()

    def _flush(
        self, connection: DatabaseConnection, publisher: Publisher, waiting: set[str]
    ) -> set[str]:
        """Send a batch, in one transaction. Returns the names of those that have more."""
        started_at = monotonic()
        unfinished: set[str] = set()
        record = FlushRecord()
        outboxes = [outbox for outbox in self._outboxes if outbox.name in waiting]
        is_returned_due = _RETURNED in waiting or started_at >= self._returned_at
        if is_returned_due:
            self._returned_at = started_at + RETURNED_SECONDS
        self._end_lines(connection, waiting)
        with connection.raw.transaction():
            returned = []
            if is_returned_due:
                count_max = min(RETURNED_COUNT_MAX, self._pace.count // (len(outboxes) + 1))
                returned = take_due_messages(connection, self._names, count_max)
                if len(returned) == count_max:
                    unfinished.add(_RETURNED)
            outgoing: list[Outgoing] = [*returned]
            for others_count, outbox in zip(reversed(range(len(outboxes))), outboxes, strict=True):
                share = (self._pace.count - len(outgoing)) // (others_count + 1)
                if self._take(connection, outbox, outgoing, share, record):
                    unfinished.add(outbox.name)
            refused: dict[int, str] = {}
            if outgoing and self._send(connection, publisher, returned, outgoing, refused):
                unfinished.add(_RETURNED)
        if outgoing:
            self._traced.end(outgoing)
            seconds = monotonic() - started_at
            self._pace.note(len(outgoing), seconds)
            record.note_end(NAME, outgoing, refused, seconds)
        return unfinished

    def _end_lines(self, connection: DatabaseConnection, waiting: set[str]) -> None:
        if _RETURNED in waiting:
            end_lines(connection, self._names)

    def _send(
        self,
        connection: DatabaseConnection,
        publisher: Publisher,
        returned: list[Returned],
        outgoing: list[Outgoing],
        refused: dict[int, str],
    ) -> bool:
        """Send messages, which begin with the returned ones, and put aside what is not taken.

        These are added to `refused`. Returns whether any line of returned messages goes on.
        """
        refused |= publisher.publish(
            (o.publication for o in outgoing), watch_flush(connection, self.stop)
        )
        goes_on = note_lines(connection, returned, refused)
        if refused:
            put_aside(connection, outgoing, refused)
            self._traced.note_refused(outgoing, refused)
        if self.settings.journal_days:
            record_sent(connection, outgoing, refused)
        return goes_on

    def _take(
        self,
        connection: DatabaseConnection,
        outbox: OutboxTable,
        outgoing: list[Outgoing],
        share: int,
        record: FlushRecord,
    ) -> bool:
        """Take rows out of an outbox. Returns whether there are more."""
        cursor = self._cursors[outbox.name]
        count_max = min(outbox.burst_count, share)
        rows = (
            wire_cursor(connection.raw)
            .execute(
                outbox.take_query,
                {"after_id": cursor.after_id, "count_max": count_max},
            )
            .fetchall()
        )
        rows.sort(key=lambda row: row[0])
        if rows:
            # the columns end with `ts`
            record.note_oldest(outbox.name, rows[0][-1])
        outgoing += (self._traced.outgoing(outbox, row) for row in rows)
        is_end = len(rows) < count_max
        # Rows that another flusher is sending are not seen: should it fail, a full search
        # finds them.
        if not rows:
            cursor.request_full_scan()
        cursor.seen(rows[-1][0] if rows else None, is_end=is_end)
        return not is_end

    def _wait(self, connection: DatabaseConnection, publisher: Publisher) -> set[str]:
        """Wait for messages. Returns the names of the outboxes to read."""
        end = monotonic() + self._wait_seconds
        while (rest := end - monotonic()) > 0 and not self.stop.is_requested():
            heard = connection.wait(min(rest, _KEEP_ALIVE_SECONDS), self.stop)
            publisher.keep_alive()
            if heard:
                return heard
        return self._find_filled(connection)

    def _find_filled(self, connection: DatabaseConnection) -> set[str]:
        """Check all outboxes with one statement. Returns the names of those with messages."""
        after_ids = [cursor.after_id for cursor in self._cursors.values()]
        filled = {name for name in connection.probe(self._filled_query, *after_ids) if name}
        for name, cursor in self._cursors.items():
            if name not in filled:
                cursor.seen(None, is_end=True)
        self._look_at = monotonic() + self._wait_seconds
        return filled


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
