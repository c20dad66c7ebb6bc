"""The thread that asks the database from time to time, so that no scrape waits for it."""

import logging
from dataclasses import dataclass, field
from time import time
from typing import Final

import psycopg

from swpt_accounts.broker.topology import dead_letter_queue
from swpt_accounts.db.backlog import TableBacklog, read_backlog
from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.db.queries import read_queries
from swpt_accounts.exporter.liveness import EXPORTER
from swpt_accounts.observability.metrics import definitions as m
from swpt_accounts.settings import Settings
from swpt_accounts.workers.outage_reporter import OutageReporter
from swpt_accounts.workers.shutdown import ShutdownEvent

logger = logging.getLogger(__name__)

ASK_SECONDS: Final = 10.0
AGE_SECONDS_MAX: Final = 60.0
"""What is older is not shown."""
_SECONDS_MAX: Final = "5s"

Values = dict[tuple[m.Metric, tuple[str, ...]], float]


@dataclass(frozen=True, slots=True)
class Answers:
    """What was learned, and when, as seconds of the epoch."""

    asked_at: float = 0.0
    values: Values = field(default_factory=dict)

    @property
    def is_fresh(self) -> bool:
        """Whether it is worth showing."""
        return time() - self.asked_at < AGE_SECONDS_MAX


class DatabasePoller:
    """Keeps the latest answers of the database."""

    name = EXPORTER

    def __init__(self, settings: Settings, stop: ShutdownEvent) -> None:
        self._settings = settings
        self._stop = stop
        self._faults = OutageReporter(logger, EXPORTER)
        self.answers = Answers()

    def run(self) -> None:
        """Ask until the stop, whatever becomes of the database."""
        while not self._stop.is_requested():
            try:
                connection = connect(self._settings, EXPORTER, is_read_only=True)
                try:
                    self._ask(connection)
                finally:
                    connection.close()
            except psycopg.Error as error:
                self._stop.wait(self._faults.failed("the database", error))

    def _ask(self, connection: DatabaseConnection) -> None:
        connection.raw.execute(f"SET statement_timeout = '{_SECONDS_MAX}'")
        while not self._stop.is_requested():
            values = read_values(connection) | self._read_dealt_with(connection)
            self.answers = Answers(time(), values)
            self._faults.succeeded()
            self._stop.wait(ASK_SECONDS)

    def _read_dealt_with(self, connection: DatabaseConnection) -> Values:
        queue = dead_letter_queue(self._settings.protocol_broker_queue)
        query = read_queries("exporter/dead_letters.sql")["dealt_with"]
        row = connection.raw.execute(query.encode(), {"queue": queue}).fetchone()
        assert row is not None
        return {(m.DEAD_LETTERS_DEALT_WITH, (queue,)): row[0]}


def read_values(connection: DatabaseConnection) -> Values:
    """Ask for everything. Raises `psycopg.Error`."""
    values: Values = {}
    for row in read_backlog(connection.raw):
        _add_backlog(values, row)
    queries = read_queries("exporter/sessions.sql")
    transaction_seconds, lock_waits_count = 0.0, 0
    for loop, sessions_count, waits_count, seconds in connection.raw.execute(
        queries["sessions"].encode()
    ).fetchall():
        values[m.SESSIONS, (loop,)] = sessions_count
        lock_waits_count += waits_count
        transaction_seconds = max(transaction_seconds, seconds)
    values[m.LOCK_WAITS, ()] = lock_waits_count
    values[m.OLDEST_TRANSACTION, ()] = transaction_seconds
    row_ = connection.raw.execute(queries["returned_lines"].encode()).fetchone()
    assert row_ is not None
    values[m.RETURNED_LINES, ()] = row_[0]
    return values


def _add_backlog(values: Values, row: TableBacklog) -> None:
    values[m.QUEUE_ROWS, (row.table_name,)] = row.rows_count
    if row.rows_count == 0:
        values[m.QUEUE_OLDEST, (row.table_name,)] = 0.0
    elif row.age_seconds is not None:
        values[m.QUEUE_OLDEST, (row.table_name,)] = row.age_seconds
