"""What is said of questions without an answer: at first at once, then from time to time."""

import logging
from time import monotonic

from cachetools import TTLCache

from swpt_accounts.observability.events.background import PEER_SILENT
from swpt_accounts.observability.events.event import Event

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 60.0
_KINDS_COUNT_MAX = 100


class ErrorThrottle:
    """Logs the first problem of each kind, and a minute later, how many more there were.

    An outage can have thousands.
    """

    def __init__(self) -> None:
        self._said: TTLCache[str, bool] = TTLCache(_KINDS_COUNT_MAX, PAUSE_SECONDS, monotonic)
        self._untold_count = 0

    def note(self, kind: str, problem: str, event: Event = PEER_SILENT) -> None:
        """Log a problem, or count it."""
        if kind in self._said:
            self._untold_count += 1
            return
        self._said[kind] = True
        untold = f" (and {self._untold_count} problems before)" if self._untold_count else ""
        self._untold_count = 0
        event.log(logger, kind=kind, problem=problem, untold=untold)
