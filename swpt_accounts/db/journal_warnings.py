"""Logs what the journal lacks: the database warns, and continues (docs/decisions/0022)."""

import logging
from threading import Lock
from time import monotonic
from typing import Final

from psycopg.errors import Diagnostic

from swpt_accounts.observability.events.background import JOURNAL_INCOMPLETE

logger = logging.getLogger(__name__)

PAUSE_SECONDS: Final = 60.0
_CLASS: Final = "SJ"


class _Missing:
    """Logs a line a minute at most, in this process."""

    def __init__(self) -> None:
        self._next_at = 0.0
        self._untold_count = 0
        self._lock = Lock()

    def note(self, text: str) -> None:
        """Log it, or count it."""
        with self._lock:
            now = monotonic()
            if now < self._next_at:
                self._untold_count += 1
                return
            self._next_at = now + PAUSE_SECONDS
            untold, self._untold_count = self._untold_count, 0
        JOURNAL_INCOMPLETE.log(logger, problem=text, count=untold)


_missing: Final = _Missing()


def report_missing(notice: Diagnostic) -> None:
    """Log a warning of `record_messages`; other notices of the database are of no interest."""
    if (notice.sqlstate or "").startswith(_CLASS):
        _missing.note(" ".join((notice.message_primary or "").split())[:500])
