"""The scans of prepared transfers, and of the archive of balance changes."""

import math
from datetime import timedelta
from time import monotonic
from typing import Final

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.procedures import (
    COPY_OLDER_BALANCE_CHANGES,
    DROP_PARENT_PREPARED_TRANSFERS,
    FORGET_BALANCE_CHANGES,
    REMIND_OF_PREPARED_TRANSFERS,
    SWEEP_JOURNAL,
)
from swpt_accounts.scans.pass_schedule import PassSchedule, Step
from swpt_accounts.scans.worker import ScanWorker
from swpt_accounts.settings import Settings
from swpt_accounts.workers.shutdown import ShutdownEvent


class PreparedTransfersScan(ScanWorker):
    """Reminds coordinators of the prepared transfers that they do not finalize."""

    def __init__(
        self, settings: Settings, shutdown: ShutdownEvent, *, quit_early: bool = False
    ) -> None:
        schedule = PassSchedule(
            settings.app_prepared_transfers_scan_days * 86_400,
            settings.app_prepared_transfers_scan_blocks_per_query,
            settings.app_prepared_transfers_scan_beat_millisecs / 1000,
        )
        super().__init__(
            settings,
            shutdown,
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
        realm = self.settings.realm.parameters
        if self.settings.delete_parent_shard_records:
            connection.call(DROP_PARENT_PREPARED_TRANSFERS, **step.pages, **realm)
        connection.call(
            REMIND_OF_PREPARED_TRANSFERS,
            **step.pages,
            reminder_interval=self._reminder_interval,
            **realm,
        )


SWEEP_SECONDS: Final = 600.0
# There are 32 slots: a journal that is off keeps what it has until the last of them is reused.
_DAYS_MAX: Final = 30
# A tenth of a second of work for the server, and as long a pause.
_PAGES_COPIED_MAX: Final = 100
_COPYING_PAUSE_SECONDS: Final = 0.1


class JournalSweeper:
    """Empties the slots of the journal whose days are over, one in each transaction."""

    def __init__(self, settings: Settings) -> None:
        self._days = settings.journal_days or _DAYS_MAX
        self._next_at = 0.0

    def sweep(self, connection: DatabaseConnection) -> float:
        """Empty a slot, if it is time to. Returns in how many seconds to call again."""
        rest = self._next_at - monotonic()
        if rest > 0:
            return rest
        if connection.call_value(SWEEP_JOURNAL, days=self._days) is not None:
            return 0.0
        self._next_at = monotonic() + SWEEP_SECONDS
        return SWEEP_SECONDS


class RegisteredBalanceChangesScan(ScanWorker):
    """Removes old entries from the archive of balance changes.

    In a database that was the reference's, it first copies the archive that is left there.
    """

    def __init__(
        self, settings: Settings, shutdown: ShutdownEvent, *, quit_early: bool = False
    ) -> None:
        schedule = PassSchedule(
            settings.app_registered_balance_changes_scan_days * 86_400,
            settings.app_registered_balance_changes_scan_blocks_per_query,
            settings.app_registered_balance_changes_scan_beat_millisecs / 1000,
        )
        super().__init__(
            settings,
            shutdown,
            "scan_registered_balance_changes",
            "registered_balance_change",
            schedule,
            quit_early=quit_early,
        )
        self._sweeper = JournalSweeper(settings)

    def scan(self, connection: DatabaseConnection, step: Step) -> None:
        """Remove what is applied, and older than the threshold date."""
        connection.call(
            FORGET_BALANCE_CHANGES,
            **step.pages,
            threshold_ts=self.settings.remove_from_archive_threshold_date,
        )

    def attend(self, connection: DatabaseConnection) -> float:
        """Copy a part of the archive that the reference has left; sweep the journal."""
        row = connection.call(COPY_OLDER_BALANCE_CHANGES, pages_max=_PAGES_COPIED_MAX)
        is_copied = row.pages_copied == row.pages_count
        copying_seconds = math.inf if is_copied else _COPYING_PAUSE_SECONDS
        return min(copying_seconds, self._sweeper.sweep(connection))
