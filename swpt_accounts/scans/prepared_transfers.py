"""The scan of prepared transfers."""

from datetime import timedelta

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.procedures import (
    DROP_PARENT_PREPARED_TRANSFERS,
    REMIND_OF_PREPARED_TRANSFERS,
)
from swpt_accounts.scans.pass_schedule import PassSchedule, Step
from swpt_accounts.scans.worker import ScanWorker
from swpt_accounts.settings import Settings
from swpt_accounts.workers.shutdown import ShutdownEvent


class PreparedTransfersScan(ScanWorker):
    """Reminds coordinators of the prepared transfers that they do not finalize."""

    def __init__(
        self, settings: Settings, stop: ShutdownEvent, *, days: float, quit_early: bool = False
    ) -> None:
        schedule = PassSchedule(
            timedelta(days=days).total_seconds(),
            settings.app_prepared_transfers_scan_blocks_per_query,
            settings.app_prepared_transfers_scan_beat_millisecs / 1000,
        )
        super().__init__(
            settings,
            stop,
            "scan_prepared_transfers",
            "prepared_transfer",
            schedule,
            quit_early=quit_early,
        )
        self._reminder_interval = timedelta(
            days=max(
                settings.app_prepared_transfer_remainder_days, settings.app_message_max_delay_days
            )
        )

    def scan(self, connection: DatabaseConnection, step: Step) -> None:
        """Send the reminders that are due."""
        realm = self.settings.realm.parameters
        if self.settings.delete_parent_shard_records:
            connection.call(DROP_PARENT_PREPARED_TRANSFERS, **step.pages, **realm)
        connection.call(
            REMIND_OF_PREPARED_TRANSFERS,
            **step.pages,
            reminder_interval=self._reminder_interval,
            **realm,
        )
