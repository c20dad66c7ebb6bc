"""The scan of the archive of balance changes."""

from datetime import timedelta

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.procedures import FORGET_BALANCE_CHANGES
from swpt_accounts.scans.pacing import Pace, Step
from swpt_accounts.scans.worker import ScanWorker
from swpt_accounts.settings import Settings
from swpt_accounts.workers.stopping import Stop


class RegisteredBalanceChangesScan(ScanWorker):
    """Removes old entries from the archive of balance changes."""

    def __init__(
        self, settings: Settings, stop: Stop, *, days: float, quit_early: bool = False
    ) -> None:
        pace = Pace(
            timedelta(days=days).total_seconds(),
            settings.app_registered_balance_changes_scan_blocks_per_query,
            settings.app_registered_balance_changes_scan_beat_millisecs / 1000,
        )
        super().__init__(
            settings,
            stop,
            "scan_registered_balance_changes",
            "registered_balance_change",
            pace,
            quit_early=quit_early,
        )

    def scan(self, connection: DatabaseConnection, step: Step) -> None:
        """Remove what is applied, and older than the threshold date."""
        connection.call(
            FORGET_BALANCE_CHANGES,
            **step.pages,
            threshold_ts=self.settings.remove_from_archive_threshold_date,
        )
