"""Says which balance changes are ignored because they are too old to be known from the archive."""

import logging
from threading import Lock
from typing import Final

from swpt_accounts.settings import Settings
from swpt_accounts.smp.incoming import PendingBalanceChange

logger = logging.getLogger(__name__)

LINES_COUNT_MAX: Final = 10


class IgnoredChanges:
    """Counts them in this process."""

    def __init__(self) -> None:
        self._count = 0
        self._lock = Lock()

    def report(self, settings: Settings, changes: list[PendingBalanceChange]) -> None:
        """Log those of the changes that are ignored: if they were not applied before, somebody
        misses the amount. There are not many lines, whatever comes.
        """
        threshold = settings.remove_from_archive_threshold_date
        ignored = [change for change in changes if change.committed_at < threshold]
        if not ignored:
            return
        with self._lock:
            self._count += len(ignored)
            total = self._count
        for change in ignored[:LINES_COUNT_MAX]:
            logger.error(
                "A balance change is ignored, for it is older than"
                " REMOVE_FROM_ARCHIVE_THRESHOLD_DATE: account (%d, %d), from creditor %d,"
                " change_id %d, principal_delta %d, committed_at %s. (%d since the start.)",
                change.debtor_id,
                change.creditor_id,
                change.other_creditor_id,
                change.change_id,
                change.principal_delta,
                change.committed_at.isoformat(),
                total,
            )
        if len(ignored) > LINES_COUNT_MAX:
            logger.error(
                "So are %d more balance changes that came with them. (%d since the start.)",
                len(ignored) - LINES_COUNT_MAX,
                total,
            )


ignored_changes: Final = IgnoredChanges()
