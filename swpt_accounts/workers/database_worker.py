"""A thread that works on the database, whatever becomes of its connection."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable

import psycopg
from pika.exceptions import AMQPError

from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.settings import Settings
from swpt_accounts.workers.backoff import Backoff
from swpt_accounts.workers.shard_guard import guard_tables
from swpt_accounts.workers.stopping import Stop

logger = logging.getLogger(__name__)


class DatabaseWorker(ABC):
    """Connects, works, and when something fails that may pass, connects again.

    It receives the wake-ups of `topics`, and empties the `tables`.
    """

    def __init__(
        self,
        settings: Settings,
        stop: Stop,
        name: str,
        topics: Iterable[str] = (),
        tables: Iterable[str] = (),
    ) -> None:
        self.settings = settings
        self.stop = stop
        self.name = name
        self._topics = tuple(topics)
        self._tables = tuple(tables)
        self._backoff = Backoff()

    def run(self) -> None:
        """Work until the stop, or until the work is done."""
        while not self.stop.is_requested():
            try:
                connection = connect(self.settings, self.name)
                try:
                    guard_tables(connection, self.settings, self._tables)
                    connection.listen(self._topics)
                    self.work(connection)
                    return
                finally:
                    connection.close()
            except (psycopg.Error, AMQPError) as error:
                logger.warning("%s failed: %r. Trying again.", self.name, error)
                self.stop.wait(self._backoff.next())

    def note_success(self) -> None:
        """Call after each piece of work that went well."""
        self._backoff.reset()

    @abstractmethod
    def work(self, connection: DatabaseConnection) -> None:
        """Work until the stop. Returns only then, or when the work is done."""
