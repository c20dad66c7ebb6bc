"""The threads that ask the database and the brokers from time to time: no scrape waits for them."""

import logging
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field, replace
from time import time
from typing import Any, Final, Generic, TypeVar

import pika
import psycopg
from pika.exceptions import AMQPError

from swpt_accounts.broker.connections import connect_blocking
from swpt_accounts.broker.queue_lengths import (
    first_offset,
    is_dead_letter_queue,
    queue_length,
)
from swpt_accounts.broker.topology import dead_letter_queue, money_letter_queue
from swpt_accounts.db.backlog import read_backlog
from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.db.outage_reporter import OutageReporter
from swpt_accounts.db.queries import read_queries
from swpt_accounts.db.sessions import read_sessions
from swpt_accounts.observability.heartbeat import awaiting
from swpt_accounts.observability.metrics import definitions as m
from swpt_accounts.observability.worker_names import EXPORTER, SCANS
from swpt_accounts.settings import Settings
from swpt_accounts.workers.shutdown import ShutdownEvent

logger = logging.getLogger(__name__)

POLL_SECONDS: Final = 10.0
POLL_SECONDS_BESIDE_WORKER: Final = 30.0
"""There may be ten of these, and all ask the same."""
AGE_SECONDS_MAX: Final = 60.0
"""Older answers are not shown."""
_STATEMENT_SECONDS_MAX: Final = 5
_LETTERS_SECONDS: Final = 300.0

Values = dict[tuple[m.Metric, tuple[str, ...]], float]
Session = TypeVar("Session")


@dataclass(frozen=True, slots=True)
class Answers:
    """What a server said, and when, as seconds of the epoch.

    When it is not `is_up` any more, what it said before is shown for a while.
    """

    asked_at: float = 0.0
    values: Values = field(default_factory=dict)
    is_up: bool = False

    @property
    def is_fresh(self) -> bool:
        return time() - self.asked_at < AGE_SECONDS_MAX


class _Poller(Generic[Session]):
    """Keeps the latest answers of a server, and connects again after a failure."""

    name = EXPORTER
    server: str

    def __init__(self, shutdown: ShutdownEvent, seconds: float) -> None:
        self._shutdown = shutdown
        self._seconds = seconds
        self._outages = OutageReporter(logger, EXPORTER)
        self.answers = Answers()

    def run(self) -> None:
        while not self._shutdown.is_requested():
            try:
                with self._connect() as session:
                    while not self._shutdown.is_requested():
                        self.answers = Answers(time(), self._ask(session), is_up=True)
                        self._outages.succeeded()
                        self._shutdown.wait(self._seconds)
            except (psycopg.Error, AMQPError) as error:
                self.answers = replace(self.answers, is_up=False)
                self._shutdown.wait(self._outages.failed(self.server, error))

    @abstractmethod
    def _connect(self) -> AbstractContextManager[Session]: ...

    @abstractmethod
    def _ask(self, session: Session) -> Values: ...


class DatabasePoller(_Poller[DatabaseConnection]):
    """Asks the database for backlogs, sessions and dead letters."""

    server = "the database"

    def __init__(
        self,
        settings: Settings,
        shutdown: ShutdownEvent,
        seconds: float,
        brokers: Sequence["BrokerPoller"],
    ) -> None:
        super().__init__(shutdown, seconds)
        self._settings = settings
        self._brokers = brokers

    def _connect(self) -> AbstractContextManager[DatabaseConnection]:
        connection = connect(self._settings, EXPORTER, is_read_only=True)
        connection.raw.execute(f"SET statement_timeout = '{_STATEMENT_SECONDS_MAX}s'")
        return closing(connection)

    def _ask(self, session: DatabaseConnection) -> Values:
        return {
            **read_values(session),
            **self._read_scans(session),
            **self._read_dealt_with(session),
        }

    def _read_dealt_with(self, session: DatabaseConnection) -> Values:
        values: Values = {}
        queue = self._settings.protocol_broker_queue
        for name in (dead_letter_queue(queue), money_letter_queue(queue)):
            offsets = (one.first_offsets.get(name) for one in self._brokers)
            offset = next((found for found in offsets if found is not None), None)
            count = 0
            if offset is not None:
                row = _row(session, "dealt_with", queue=name, first_offset=offset)
                (count,) = row
            values[m.DEAD_LETTERS_DEALT_WITH, (name,)] = count
        return values

    def _read_scans(self, session: DatabaseConnection) -> Values:
        hours = self._settings.app_accounts_scan_hours
        days = (
            self._settings.app_prepared_transfers_scan_days,
            self._settings.app_registered_balance_changes_scan_days,
        )
        periods = dict(zip(SCANS, (hours / 24, *days), strict=True))
        values: Values = {}
        for scan, completed_at, seconds in _rows(session, "scans", scans=list(SCANS)):
            values[m.SCAN_PASS_END, (scan,)] = completed_at
            values[m.SCAN_PERIOD, (scan,)] = periods[scan] * 86_400 if seconds is None else seconds
        return values


def read_values(connection: DatabaseConnection) -> Values:
    """Ask for backlogs and sessions. Raises `psycopg.Error`."""
    values: Values = {}
    for table in read_backlog(connection.raw):
        key = (table.table_name,)
        values[m.QUEUE_ROWS, key] = table.rows_count
        if table.rows_count == 0:
            values[m.QUEUE_OLDEST, key] = 0.0
        elif table.age_seconds is not None:
            values[m.QUEUE_OLDEST, key] = table.age_seconds
    sessions = read_sessions(connection.raw)
    for one in sessions:
        values[m.SESSIONS, (one.name,)] = one.sessions_count
    values[m.LOCK_WAITS, ()] = sum(one.lock_waits_count for one in sessions)
    values[m.OLDEST_TRANSACTION, ()] = max(
        (one.transaction_seconds or 0.0 for one in sessions), default=0.0
    )
    (values[m.RETURNED_LINES, ()],) = _row(connection, "returned_lines")
    found = _row(connection, "server")
    values[m.WAL_ARCHIVE_FAILING, ()], values[m.WAL_UNARCHIVED, ()], values[m.STANDBYS, ()] = found
    slots = _row(connection, "slots")
    values[m.IDLE_SLOTS, ()], values[m.KEPT_WAL, ()], values[m.LOST_SLOTS, ()] = slots
    return values


def _rows(connection: DatabaseConnection, name: str, **parameters: Any) -> list[tuple[Any, ...]]:
    query = read_queries("inspection/exporter/exporter.sql")[name].encode()
    return connection.raw.execute(query, parameters or None).fetchall()


def _row(connection: DatabaseConnection, name: str, **parameters: Any) -> Any:
    return _rows(connection, name, **parameters)[0]


class BrokerPoller(_Poller[pika.BlockingConnection]):
    """Asks a broker for the lengths of some queues."""

    server = "the broker"

    def __init__(
        self, url: str, queues: Sequence[str], shutdown: ShutdownEvent, seconds: float
    ) -> None:
        super().__init__(shutdown, seconds)
        self.queues = tuple(queues)
        self.first_offsets: dict[str, int | None] = {}
        """Those of dead letters, if they can be read. They change when letters age out."""
        self._letters_counts: dict[str, float | None] = {}
        self._read_at: dict[str, float] = {}
        self._url = url

    def _connect(self) -> AbstractContextManager[pika.BlockingConnection]:
        with awaiting(self.server):
            connection: AbstractContextManager[Any] = connect_blocking(self._url, EXPORTER)
        return connection

    def _ask(self, session: pika.BlockingConnection) -> Values:
        values: Values = {}
        with awaiting(self.server):
            for queue in self.queues:
                values |= _read_queue(session, queue)
                if is_dead_letter_queue(queue):
                    self._note_letters(session, queue, values)
        return values

    def _note_letters(self, session: pika.BlockingConnection, queue: str, values: Values) -> None:
        """Find the first letter again when their number has changed, or once in a while."""
        count = values.get((m.BROKER_QUEUE_MESSAGES, (queue,)))
        is_old = time() - self._read_at.get(queue, 0.0) > _LETTERS_SECONDS
        if is_old or count != self._letters_counts.get(queue):
            self.first_offsets[queue] = first_offset(session, queue) if count else None
            self._letters_counts[queue], self._read_at[queue] = count, time()


def _read_queue(connection: pika.BlockingConnection, queue: str) -> Values:
    """The length of a queue, if there is one, and its consumers. Raises `AMQPError`."""
    _, messages_count, consumers_count, _ = queue_length(connection, queue)
    if messages_count is None or consumers_count is None:
        if queue.endswith(money_letter_queue("")):
            # nothing was put into it yet
            return {}
        # the queue is missing, or cannot be reached now
        return {(m.BROKER_UP, (queue,)): 0.0}
    return {
        (m.BROKER_UP, (queue,)): 1.0,
        (m.BROKER_QUEUE_MESSAGES, (queue,)): messages_count,
        (m.BROKER_QUEUE_CONSUMERS, (queue,)): consumers_count,
    }


def make_broker_pollers(
    settings: Settings, shutdown: ShutdownEvent, seconds: float
) -> list[BrokerPoller]:
    """One for each broker: usually both are the same."""
    queues: dict[str, list[str]] = {}
    messages = settings.protocol_broker_queue
    letters = dead_letter_queue(messages), money_letter_queue(messages)
    for url, names in (
        (settings.protocol_broker_url, [messages, *letters]),
        (settings.chores_broker_url, [settings.chores_broker_queue]),
    ):
        queues.setdefault(url, []).extend(names)
    return [BrokerPoller(url, names, shutdown, seconds) for url, names in queues.items()]
