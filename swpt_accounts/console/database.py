"""What the pages read from the database, with a time limit for each query."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg.rows import namedtuple_row

from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.db.errors import one_line
from swpt_accounts.db.outage_reporter import CircuitBreaker, DatabaseUnavailable
from swpt_accounts.db.queries import read_queries
from swpt_accounts.db.session_options import ASKING
from swpt_accounts.inspection.lookup import session as lookup
from swpt_accounts.settings import Settings

NAME: Final = "console"
_FILE: Final = "console/console.sql"
logger = logging.getLogger(__name__)


class TooSlow(Exception):
    """A query was cancelled after its time limit."""


class NotAllowed(Exception):
    """The role of the console may not read this. The text is what PostgreSQL says."""


class ConsoleSnapshot:
    """A read-only transaction in which all answers are of one moment."""

    def __init__(self, connection: DatabaseConnection) -> None:
        self.connection = connection

    def rows(self, name: str, **parameters: Any) -> list[Any]:
        """The rows that a statement of `console.sql` finds, with the names of their columns."""
        cursor = self.connection.raw.cursor(row_factory=namedtuple_row)
        return cursor.execute(read_queries(_FILE)[name], parameters).fetchall()

    def row(self, name: str, **parameters: Any) -> Any:
        found = self.rows(name, **parameters)
        return found[0] if found else None


class ConsoleDatabase:
    """Opens snapshots: each thread has a connection of its own, so there are few."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._local = threading.local()
        self._outage = CircuitBreaker(logger, NAME)

    @contextmanager
    def lookup(self) -> Iterator[lookup.LookupReader]:
        """The same, for look-ups of single transfers and accounts."""
        with (
            self._answers(),
            lookup.LookupReader(self._connection(), self._settings).snapshot() as reader,
        ):
            yield reader

    @contextmanager
    def snapshot(self) -> Iterator[ConsoleSnapshot]:
        """Raises `DatabaseUnavailable`, `TooSlow`, `NotAllowed`, in the block, too."""
        with self._answers():
            connection = self._connection()
            raw = connection.raw
            raw.isolation_level, raw.read_only = psycopg.IsolationLevel.REPEATABLE_READ, True
            with raw.transaction():
                yield ConsoleSnapshot(connection)

    @contextmanager
    def _answers(self) -> Iterator[None]:
        try:
            yield
        except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable) as error:
            raise TooSlow from error
        except psycopg.errors.InsufficientPrivilege as error:
            raise NotAllowed(one_line(error)) from error
        except psycopg.ProgrammingError:
            # an error of this program, which does not pass
            raise
        except psycopg.Error as error:
            self.close()
            self._outage.failed(error)
            raise DatabaseUnavailable from error
        self._outage.succeeded()

    def close(self) -> None:
        kept: DatabaseConnection | None = getattr(self._local, "connection", None)
        self._local.connection = None
        if kept is not None:
            kept.close()

    def _connection(self) -> DatabaseConnection:
        kept: DatabaseConnection | None = getattr(self._local, "connection", None)
        if kept is not None:
            try:
                kept.raw.execute("")
            except psycopg.Error:
                self.close()
            else:
                return kept
        made = self._outage.connect(self._open)
        self._local.connection = made
        return made

    def _open(self) -> DatabaseConnection:
        return connect(self._settings, NAME, is_read_only=True, behaviour=(ASKING,))
