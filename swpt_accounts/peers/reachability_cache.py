"""Recipients that have been found reachable lately: they are not asked about again at once."""

import re
from time import monotonic
from typing import Final

from cachetools import TLRUCache

COUNT_MAX: Final = 20_000
"""A recipient takes about 300 bytes."""
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age=(\d{1,9})(?:[,\s]|$)", re.IGNORECASE)
_KEPT_BY_NOBODY = re.compile(r"(?:^|[,\s])no-(?:store|cache)(?:[,\s]|$)", re.IGNORECASE)

# The debtor, and the creditor.
Recipient = tuple[int, int]


def seconds_fresh(cache_control: str) -> int:
    """For how many seconds an answer may be used again, by its `Cache-Control`."""
    if _KEPT_BY_NOBODY.search(cache_control):
        return 0
    found = _MAX_AGE.search(cache_control)
    return int(found[1]) if found else 0


class ReachabilityCache:
    """Only a "yes" is remembered, for no longer than the answer allows, and than `seconds_max`.

    The longest unused are forgotten first. Not for several threads at a time.
    """

    def __init__(self, seconds_max: float) -> None:
        self._seconds_max = seconds_max
        self._seconds: TLRUCache[Recipient, float] = TLRUCache(
            maxsize=COUNT_MAX,
            ttu=lambda _recipient, seconds, now: now + seconds,
            timer=lambda: monotonic(),  # looked up late: tests have a clock of their own
        )

    def __contains__(self, recipient: Recipient) -> bool:
        return recipient in self._seconds

    def add(self, recipient: Recipient, cache_control: str) -> None:
        """Remember that an account accepts transfers, as an answer with this header has said."""
        seconds = min(self._seconds_max, seconds_fresh(cache_control))
        if seconds > 0:
            self._seconds[recipient] = seconds
