"""The process of a scan: one pass after another, for ever."""

import logging
import math
from abc import abstractmethod
from time import monotonic

import psycopg

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.procedures import TABLE_PAGES
from swpt_accounts.scans.pacing import Pace, Pass, Step
from swpt_accounts.settings import Settings
from swpt_accounts.workers.database_worker import DatabaseWorker
from swpt_accounts.workers.stopping import Stop

logger = logging.getLogger(__name__)

# What may be the fault of some pages, rather than of the database, and how often they are tried.
_ERRORS_OF_PAGES = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.errors.InternalError_,
    psycopg.errors.DataCorrupted,
    psycopg.errors.IndexCorrupted,
    psycopg.errors.QueryCanceled,
)
_FAILURES_COUNT_MAX = 3


class ScanWorker(DatabaseWorker):
    """Walks over the physical pages of a table.

    A pass outlives the connection to the database: it goes on where it was. So each page comes
    once in each pass, however often the connection is lost.
    """

    def __init__(
        self,
        settings: Settings,
        stop: Stop,
        name: str,
        table: str,
        pace: Pace,
        *,
        quit_early: bool = False,
    ) -> None:
        super().__init__(settings, stop, name)
        self._table = table
        self._pace = pace
        self._quit_early = quit_early
        self._pass: Pass | None = None

    def work(self, connection: DatabaseConnection) -> None:
        """Make passes until the stop; with `quit_early`, one pass."""
        if self._pass is not None:
            self._pass.resume()
        while not self.stop.is_requested():
            if self._pass is None:
                pages_count = connection.call_value(TABLE_PAGES, table=self._table)
                self._pass = Pass(pages_count, self._pace)
            self._finish_pass(connection, self._pass)
            if self._pass.step is None:
                self._pass = None
                if self._quit_early:
                    self.finish(connection)
                    return

    def _finish_pass(self, connection: DatabaseConnection, current: Pass) -> None:
        while current.step is not None:
            self._wait_until(connection, current.due_at)
            if self.stop.is_requested():
                return
            self._take_step(connection, current, current.step)
            self.note_success()
        # an empty table has no steps
        self.note_success()
        if not self._quit_early:
            self._wait_until(connection, current.due_at)

    def _take_step(self, connection: DatabaseConnection, current: Pass, step: Step) -> None:
        try:
            self.scan(connection, step)
        except _ERRORS_OF_PAGES as error:
            current.failures_count += 1
            if current.failures_count < _FAILURES_COUNT_MAX:
                raise
            logger.error(
                "%s cannot process the pages from %d to %d of %r, and goes on after them: %s",
                self.name,
                step.first_page,
                step.end_page - 1,
                self._table,
                error,
            )
        current.advance()

    def _wait_until(self, connection: DatabaseConnection, moment: float) -> None:
        while not self.stop.is_requested():
            seconds_max = self.attend(connection)
            if (rest := moment - monotonic()) <= 0:
                return
            self.stop.wait(min(rest, seconds_max))

    @abstractmethod
    def scan(self, connection: DatabaseConnection, step: Step) -> None:
        """Process some pages."""

    def attend(self, connection: DatabaseConnection) -> float:
        """Look after what is still on its way. Returns in how many seconds to look again."""
        return math.inf

    def finish(self, connection: DatabaseConnection) -> None:
        """Wait for what is still on its way, before the end."""
