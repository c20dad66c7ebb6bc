"""The scans of prepared transfers and of registered balance changes."""

from datetime import timedelta

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.scans.pacing import Pace, Step
from swpt_accounts.scans.worker import ScanWorker
from swpt_accounts.settings import Settings
from swpt_accounts.workers.stopping import Stop

_DAY_SECONDS = 86400


class PreparedTransfersScan(ScanWorker):
    """Reminds coordinators of the prepared transfers that they do not finalize."""

    def __init__(
        self, settings: Settings, stop: Stop, *, days: float, quit_early: bool = False
    ) -> None:
        pace = Pace(
            days * _DAY_SECONDS,
            settings.app_prepared_transfers_scan_blocks_per_query,
            settings.app_prepared_transfers_scan_beat_millisecs / 1000,
        )
        super().__init__(
            settings,
            stop,
            "scan_prepared_transfers",
            "prepared_transfer",
            pace,
            quit_early=quit_early,
        )
        self._reminder_interval = timedelta(
            days=max(
                settings.app_prepared_transfer_remainder_days, settings.app_message_max_delay_days
            )
        )

    def scan(self, connection: DatabaseConnection, step: Step) -> None:
        """Send the reminders that are due."""
        pages = step.first_page, step.end_page
        realm = self.settings.realm.bits, self.settings.realm.length
        if self.settings.delete_parent_shard_records:
            connection.call("drop_parent_prepared_transfers_v1", *pages, *realm)
        connection.call("remind_of_prepared_transfers_v1", *pages, self._reminder_interval, *realm)


class RegisteredBalanceChangesScan(ScanWorker):
    """Removes old entries from the archive of balance changes."""

    def __init__(
        self, settings: Settings, stop: Stop, *, days: float, quit_early: bool = False
    ) -> None:
        pace = Pace(
            days * _DAY_SECONDS,
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
            "forget_balance_changes_v1",
            step.first_page,
            step.end_page,
            self.settings.remove_from_archive_threshold_date,
        )
