"""How long to wait before trying again."""

import random


class Backoff:
    """Waits that double from `seconds_min` to `seconds_max`, with a random part."""

    def __init__(self, seconds_min: float = 0.1, seconds_max: float = 5.0) -> None:
        assert 0 < seconds_min <= seconds_max
        self._min = seconds_min
        self._max = seconds_max
        self._next = seconds_min

    def next(self) -> float:
        """The seconds to wait now."""
        seconds = self._next
        self._next = min(2 * seconds, self._max)
        return seconds * random.uniform(0.75, 1.0)  # noqa: S311 - it guards no secret

    def reset(self) -> None:
        """Start again with `seconds_min`: the last try succeeded."""
        self._next = self._min
