"""Decides which of many similar lines are logged."""

import math
from collections.abc import Hashable
from time import monotonic


class LogThrottle:
    """Allows the first line of each key, and the next one `seconds` later; counts the others.

    No more than `keys_max` keys are known at a time: lines of further ones are not allowed. Not for
    several threads at a time.
    """

    def __init__(self, seconds: float = math.inf, keys_max: int = 100) -> None:
        self._seconds = seconds
        self._keys_max = keys_max
        self._logged_at: dict[Hashable, float] = {}
        self._suppressed_count = 0

    def allows(self, key: Hashable) -> bool:
        """Whether to log a line of this key now."""
        after = monotonic() - self._seconds
        self._logged_at = {k: moment for k, moment in self._logged_at.items() if moment > after}
        if key in self._logged_at or len(self._logged_at) >= self._keys_max:
            self._suppressed_count += 1
            return False
        self._logged_at[key] = monotonic()
        return True

    def take_suppressed_count(self) -> int:
        """How many lines were not allowed since this was asked last."""
        count, self._suppressed_count = self._suppressed_count, 0
        return count

    def reset(self) -> None:
        self._logged_at.clear()
