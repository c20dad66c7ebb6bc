"""A thread that works on the database, and connects again after errors."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable

import psycopg
from pika.exceptions import AMQPError

from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.db.errors import UnsuitableDatabase
from swpt_accounts.settings import Settings
from swpt_accounts.workers.outage_reporter import OutageReporter
from swpt_accounts.workers.shard_guard import claim_database, guard_tables
from swpt_accounts.workers.shutdown import ShutdownEvent

logger = logging.getLogger(__name__)


class DatabaseWorker(ABC):
    """Connects, works, and when something fails that may pass, connects again.

    It receives the wake-ups of `topics`, and empties the `tables`.
    """

    def __init__(
        self,
        settings: Settings,
        stop: ShutdownEvent,
        name: str,
        topics: Iterable[str] = (),
        tables: Iterable[str] = (),
    ) -> None:
        self.settings = settings
        self.stop = stop
        self.name = name
        self._topics = tuple(topics)
        self._tables = tuple(tables)
        self._outage = OutageReporter(logger, name)
        self._was_connected = False

    def run(self) -> None:
        """Work until shutdown, or until the work is done.

        Raises `UnsuitableDatabase` if it has never been better.
        """
        while not self.stop.is_requested():
            try:
                connection = connect(self.settings, self.name)
                try:
                    claim_database(connection, self.settings)
                    self._was_connected = True
                    guard_tables(connection, self.settings, self._tables, self.stop)
                    connection.listen(self._topics)
                    self.work(connection)
                    return
                finally:
                    connection.close()
            except (psycopg.Error, AMQPError) as error:
                if isinstance(error, UnsuitableDatabase) and not self._was_connected:
                    raise
                what = "the database" if isinstance(error, psycopg.Error) else "the broker"
                self.stop.wait(self._outage.failed(what, error))

    def note_success(self) -> None:
        """Call after each piece of work that went well."""
        self._outage.succeeded()

    @abstractmethod
    def work(self, connection: DatabaseConnection) -> None:
        """Work until shutdown. Returns only then, or when the work is done."""
