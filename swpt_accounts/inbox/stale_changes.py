"""Says which balance changes are ignored because they are too old to be known from the archive."""

import logging
from threading import Lock
from typing import Final

from swpt_accounts.observability.events.messages import (
    BALANCE_CHANGE_IGNORED,
    BALANCE_CHANGES_IGNORED,
)
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
            BALANCE_CHANGE_IGNORED.log(
                logger,
                debtor_id=change.debtor_id,
                creditor_id=change.creditor_id,
                other_creditor_id=change.other_creditor_id,
                change_id=change.change_id,
                principal_delta=change.principal_delta,
                committed_at=change.committed_at.isoformat(),
                coordinator_type=change.coordinator_type,
                total_count=total,
            )
        if len(ignored) > LINES_COUNT_MAX:
            BALANCE_CHANGES_IGNORED.log(
                logger, count=len(ignored) - LINES_COUNT_MAX, total_count=total
            )


ignored_changes: Final = IgnoredChanges()
