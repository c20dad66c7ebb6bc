"""Reports balance changes that are ignored: they are too old to be known from the archive."""

import logging
from threading import Lock
from typing import Final

from swpt_accounts.inbox.batch import ReceivedMessage
from swpt_accounts.observability.events.messages import (
    BALANCE_CHANGE_IGNORED,
    BALANCE_CHANGES_IGNORED,
)
from swpt_accounts.settings import Settings
from swpt_accounts.smp.incoming import PendingBalanceChange

logger = logging.getLogger(__name__)

LINES_COUNT_MAX: Final = 10


class StaleChanges:
    """Counts them in this process, and logs a few of each batch."""

    def __init__(self) -> None:
        self._count = 0
        self._lock = Lock()

    def report(self, settings: Settings, received: list[ReceivedMessage]) -> None:
        """Log which of the messages are ignored. If one was not applied before, its amount is
        missing.
        """
        threshold = settings.remove_from_archive_threshold_date
        changes = [r.message for r in received if isinstance(r.message, PendingBalanceChange)]
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


stale_changes: Final = StaleChanges()
