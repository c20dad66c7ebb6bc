"""A thread that works on the database, and connects again after errors."""

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import closing

import psycopg

from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.db.errors import UnsuitableDatabase
from swpt_accounts.db.outage_reporter import OutageReporter
from swpt_accounts.settings import Settings
from swpt_accounts.workers.shard_guard import claim_database, guard_tables
from swpt_accounts.workers.shutdown import ShutdownEvent

logger = logging.getLogger(__name__)


class DatabaseWorker(ABC):
    """Connects, works, and when something fails that may pass, connects again.

    It receives the wake-ups of `topics`, and empties the `tables`. While it waits for the broker it
    keeps its session, whose name says so.
    """

    broker_errors: tuple[type[Exception], ...] = ()
    """What `work` raises when the broker fails, where it uses one."""

    def __init__(
        self,
        settings: Settings,
        shutdown: ShutdownEvent,
        name: str,
        topics: Iterable[str] = (),
        tables: Iterable[str] = (),
    ) -> None:
        self.settings = settings
        self.shutdown = shutdown
        self.name = name
        self._topics = tuple(topics)
        self._tables = tuple(tables)
        self._database_outage = OutageReporter(logger, name)
        self._broker_outage = OutageReporter(logger, name)
        self._was_connected = False
        self._session: DatabaseConnection | None = None

    def run(self) -> None:
        """Work until shutdown, or until the work is done.

        Raises `UnsuitableDatabase` if it has never been better.
        """
        while not self.shutdown.is_requested():
            try:
                with closing(connect(self.settings, self.name)) as connection:
                    claim_database(connection, self.settings)
                    guard_tables(connection, self.settings, self._tables, self.shutdown)
                    self._was_connected = True
                    connection.listen(self._topics)
                    self._database_outage.reached()
                    self._session = connection
                    self._work_over(connection)
                    return
            except psycopg.Error as error:
                if isinstance(error, UnsuitableDatabase) and not self._was_connected:
                    raise
                self.shutdown.wait(self._database_outage.failed("the database", error))

    def _work_over(self, connection: DatabaseConnection) -> None:
        while not self.shutdown.is_requested():
            try:
                self.work(connection)
                return
            except self.broker_errors as error:
                seconds = self._broker_outage.failed("the broker", error)
                connection.note_wait("the broker")
                end = time.monotonic() + seconds
                while (rest := end - time.monotonic()) > 0 and not self.shutdown.is_requested():
                    connection.wait(rest, self.shutdown)

    def note_success(self) -> None:
        """Call after each piece of work that went well, and while there is none."""
        self._database_outage.succeeded()
        self._broker_outage.succeeded()
        if self._session is not None:
            self._session.note_wait("")

    @abstractmethod
    def work(self, connection: DatabaseConnection) -> None:
        """Work until shutdown. Returns only then, or when the work is done."""
