"""What several runs of the same thing say together."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Spread:
    """The median of some runs, and how far they lie apart."""

    median: float
    min: float
    max: float

    @property
    def percent(self) -> float:
        """How far the extremes lie apart, in percent of the median."""
        return 100 * (self.max - self.min) / self.median if self.median else 0.0

    def times(self, factor: float) -> "Spread":
        """The same in another unit."""
        return Spread(factor * self.median, factor * self.min, factor * self.max)

    def as_json(self) -> dict[str, float]:
        return asdict(self)


def spread(values: Sequence[float]) -> Spread:
    """The spread of one value or more."""
    return Spread(statistics.median(values), min(values), max(values))
