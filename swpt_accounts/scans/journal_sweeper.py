"""Empties the slots of the journal whose days are over."""

from time import monotonic
from typing import Final

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.procedures import SWEEP_JOURNAL
from swpt_accounts.settings import Settings

SWEEP_SECONDS: Final = 600.0
# There are 32 slots: a journal that is off keeps what it has until the last of them comes round.
_DAYS_MAX: Final = 30


class JournalSweeper:
    """Looks for what is over from time to time, and empties one slot in each transaction."""

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
