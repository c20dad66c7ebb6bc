"""How many messages to send at a time, so that they are on their way for a few seconds at most."""

FIRST_COUNT = 64
GOAL_SECONDS = 2.0
SECONDS_MAX = 4.0


class AdaptiveBatch:
    """A number of messages that adapts to how long they take.

    It starts small, since the link is not known yet, doubles up to `count_max` as long as that many
    are done in `GOAL_SECONDS`, and goes back when they take longer than `SECONDS_MAX`.
    """

    def __init__(self, count_min: int, count_max: int) -> None:
        assert 1 <= count_min <= count_max
        self._count_min = count_min
        self._count_max = count_max
        self.count = max(count_min, min(FIRST_COUNT, count_max))

    def note(self, count: int, seconds: float) -> None:
        """Take into account how long so many messages took, from the first to the last confirm."""
        if seconds > SECONDS_MAX:
            fitting = int(count * GOAL_SECONDS / seconds)
            self.count = max(self._count_min, min(self.count, fitting))
        elif seconds < GOAL_SECONDS and 2 * count >= self.count:
            self.count = min(2 * self.count, self._count_max)
