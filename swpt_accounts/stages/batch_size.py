"""Keeps a row that cannot be processed from holding up the rows behind it."""


class BatchSize:
    """How many rows to take at a time: fewer after a failure, more again after successes."""

    def __init__(self, count_max: int) -> None:
        self._count_max = count_max
        self.count = count_max

    def shrink(self) -> bool:
        """Take fewer rows. Returns whether that is possible."""
        if self.count == 1:
            return False
        self.count //= 2
        return True

    def grow(self) -> None:
        """Take more rows, if there have been fewer."""
        self.count = min(2 * self.count, self._count_max)
