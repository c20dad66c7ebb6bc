"""The process of a scan: one pass after another, for ever."""

from abc import abstractmethod
from time import monotonic

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.procedures import TABLE_PAGES
from swpt_accounts.scans.pacing import Pace, Step, plan_pass
from swpt_accounts.settings import Settings
from swpt_accounts.workers.database_worker import DatabaseWorker
from swpt_accounts.workers.stopping import Stop


class ScanWorker(DatabaseWorker):
    """Walks over the physical pages of a table."""

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

    def work(self, connection: DatabaseConnection) -> None:
        """Make passes until the stop; with `quit_early`, one pass."""
        while not self.stop.is_requested():
            self._make_pass(connection)
            if self._quit_early:
                return

    def _make_pass(self, connection: DatabaseConnection) -> None:
        started_at = monotonic()
        pages_count = connection.call_value(TABLE_PAGES, table=self._table)
        for step in plan_pass(pages_count, self._pace):
            self._wait_until(started_at + step.due_seconds)
            if self.stop.is_requested():
                return
            self.scan(connection, step)
            self.note_success()
        # an empty table has no steps
        self.note_success()
        if not self._quit_early:
            # the pass of an empty table takes its time, too: at least one beat
            self._wait_until(started_at + max(self._pace.pass_seconds, self._pace.beat_seconds))

    def _wait_until(self, moment: float) -> None:
        while not self.stop.is_requested() and (rest := moment - monotonic()) > 0:
            self.stop.wait(rest)

    @abstractmethod
    def scan(self, connection: DatabaseConnection, step: Step) -> None:
        """Process some pages."""
