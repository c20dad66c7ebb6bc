"""A histogram of times, wide enough for everything from a cache hit to an outage."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

MIN_SECONDS = 10e-6
MAX_SECONDS = 100.0
BUCKETS_PER_DECADE = 100
"""A bucket is 2.3 % wide: that is the precision of a percentile."""

BUCKETS_COUNT = round(math.log10(MAX_SECONDS / MIN_SECONDS) * BUCKETS_PER_DECADE)


def bucket_of(seconds: float) -> int:
    """The bucket of a time: 0 and `BUCKETS_COUNT - 1` take what is beyond the ends."""
    if seconds <= MIN_SECONDS:
        return 0
    bucket = int(math.log10(seconds / MIN_SECONDS) * BUCKETS_PER_DECADE)
    return min(bucket, BUCKETS_COUNT - 1)


def bucket_end(bucket: int) -> float:
    """The longest time, in seconds, that belongs to a bucket."""
    return float(MIN_SECONDS * 10 ** ((bucket + 1) / BUCKETS_PER_DECADE))


@dataclass
class Histogram:
    """How many times fell into each bucket, and the longest of them in seconds."""

    counts: dict[int, int] = field(default_factory=dict)
    max_seconds: float = 0.0

    def add(self, seconds: float) -> None:
        """Count a time."""
        bucket = bucket_of(seconds)
        self.counts[bucket] = self.counts.get(bucket, 0) + 1
        self.max_seconds = max(self.max_seconds, seconds)

    @property
    def count(self) -> int:
        return sum(self.counts.values())

    def percentile(self, percent: float) -> float:
        """The time, in seconds, that so many percent do not exceed; 0 if there are none."""
        wanted = math.ceil(self.count * percent / 100)
        seen = 0
        for bucket in sorted(self.counts):
            seen += self.counts[bucket]
            if seen >= wanted:
                return min(bucket_end(bucket), self.max_seconds)
        return 0.0

    def as_json(self) -> dict[str, Any]:
        """The form in which results keep it."""
        buckets = sorted(self.counts)
        return {
            "max_seconds": self.max_seconds,
            "buckets": buckets,
            "counts": [self.counts[bucket] for bucket in buckets],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Histogram":
        """The reverse of `as_json`."""
        counts = dict(zip(data["buckets"], data["counts"], strict=True))
        return cls(counts, data["max_seconds"])


def merge(histograms: Iterable[Histogram]) -> Histogram:
    """All of them together."""
    total = Histogram()
    for histogram in histograms:
        for bucket, count in histogram.counts.items():
            total.counts[bucket] = total.counts.get(bucket, 0) + count
        total.max_seconds = max(total.max_seconds, histogram.max_seconds)
    return total
