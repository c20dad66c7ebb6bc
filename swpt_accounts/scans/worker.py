"""The process of a scan: one pass after another."""

import logging
import math
from abc import abstractmethod
from time import monotonic

import psycopg

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.procedures import NOTE_SCAN_PASS, TABLE_PAGES
from swpt_accounts.observability.events.background import SCAN_PAGES_SKIPPED
from swpt_accounts.observability.metrics.definitions import (
    SCAN_LATE,
    SCAN_PAGES,
    SCAN_PAGES_FAILED,
    SCAN_PROGRESS,
)
from swpt_accounts.observability.metrics.recorder import count, set_value
from swpt_accounts.scans.pass_schedule import Pass, PassSchedule, Step
from swpt_accounts.scans.progress_log import ProgressLog
from swpt_accounts.settings import Settings
from swpt_accounts.workers.database_worker import DatabaseWorker
from swpt_accounts.workers.shutdown import ShutdownEvent

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
# How often it is noted in the database how far a pass is.
_NOTE_SECONDS = 10.0
# How often it is noted that the database is there, while nothing is to be done.
_WAIT_SECONDS_MAX = 10.0


class ScanWorker(DatabaseWorker):
    """Walks over the physical pages of a table.

    A pass outlives the connection to the database: it continues where it was. So each page comes
    once in each pass, however often the connection is lost.
    """

    def __init__(
        self,
        settings: Settings,
        shutdown: ShutdownEvent,
        name: str,
        table: str,
        schedule: PassSchedule,
        *,
        quit_early: bool = False,
    ) -> None:
        super().__init__(settings, shutdown, name)
        self._table = table
        self._schedule = schedule
        self._quit_early = quit_early
        self._pass: Pass | None = None
        self._log = ProgressLog(name, table)
        self._noted_at = -math.inf
        self._completed: Pass | None = None

    def work(self, connection: DatabaseConnection) -> None:
        """Make passes until shutdown; with `quit_early`, one pass."""
        if self._pass is not None:
            self._pass.resume()
        while not self.shutdown.is_requested():
            if self._pass is None:
                pages_count = connection.call_value(TABLE_PAGES, table=self._table)
                self._pass = Pass(pages_count, self._schedule)
                self.begin_pass()
            self._finish_pass(connection, self._pass)
            if self._pass.step is None:
                self.end_pass()
                self._pass = None
                if self._quit_early:
                    self.finish(connection)
                    return

    def _finish_pass(self, connection: DatabaseConnection, current: Pass) -> None:
        late_seconds = 0.0
        while current.step is not None:
            self._wait_until(connection, current.due_at)
            if self.shutdown.is_requested():
                return
            late_seconds = monotonic() - current.due_at
            self._take_step(connection, current, current.step)
            self._log.note(current)
            self.note_success()
            set_value(SCAN_LATE, late_seconds, self.name)
            set_value(SCAN_PROGRESS, current.done_ratio, self.name)
            if monotonic() - self._noted_at >= _NOTE_SECONDS:
                self._note(connection, current, late_seconds)
        if self._completed is not current:
            self._note(connection, current, late_seconds)
            self._completed = current
        self._log.note_end(current)
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
            count(SCAN_PAGES_FAILED, step.end_page - step.first_page, self.name)
            SCAN_PAGES_SKIPPED.log(
                logger,
                worker=self.name,
                first_page=step.first_page,
                last_page=step.end_page - 1,
                table=self._table,
                problem=str(error),
            )
        count(SCAN_PAGES, step.end_page - step.first_page, self.name)
        current.advance()

    def _note(self, connection: DatabaseConnection, current: Pass, late_seconds: float) -> None:
        connection.call(
            NOTE_SCAN_PASS,
            scan=self.name,
            seconds=current.seconds,
            done_count=current.done_count,
            pages_count=current.total_count,
            pass_seconds=self._schedule.pass_seconds,
            late_seconds=max(late_seconds, 0.0),
        )
        self._noted_at = monotonic()

    def _wait_until(self, connection: DatabaseConnection, moment: float) -> None:
        while not self.shutdown.is_requested():
            seconds_max = min(self.attend(connection), _WAIT_SECONDS_MAX)
            if (rest := moment - monotonic()) <= 0:
                return
            self.note_success()
            connection.wait(min(rest, seconds_max), self.shutdown)

    @abstractmethod
    def scan(self, connection: DatabaseConnection, step: Step) -> None:
        """Process some pages."""

    def begin_pass(self) -> None:
        """Called before the first step of a pass."""

    def end_pass(self) -> None:
        """Called after its last step."""

    def attend(self, connection: DatabaseConnection) -> float:
        """Continue what is still in progress. Returns in how many seconds to call it again."""
        return math.inf

    def finish(self, connection: DatabaseConnection) -> None:
        """Wait for what is still in progress, before the end."""
