"""Times in an HdrHistogram: microseconds, to three significant digits, at most two minutes."""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]  # it has no type hints

MAX_SECONDS = 120.0
PRECISION = 1e-3
"""A value that was read differs from the one that was added by at most this part of it."""
_DIGITS = 3
_PER_SECOND = 1_000_000


class Histogram:
    """How often each time was added.

    To add costs next to nothing: times are kept as they are, and go into the HdrHistogram when
    something is asked. Those beyond `MAX_SECONDS` count as `MAX_SECONDS`.
    """

    def __init__(self) -> None:
        self._added = array("d")
        self._recorded: Any = HdrHistogram(1, int(MAX_SECONDS * _PER_SECOND), _DIGITS)

    def add(self, seconds: float) -> None:
        """Count a time."""
        self._added.append(seconds)

    def _record(self) -> Any:
        """The HdrHistogram, with everything in it."""
        times = Counter(round(_PER_SECOND * min(s, MAX_SECONDS)) for s in self._added)
        for microseconds, count in times.items():
            self._recorded.record_value(microseconds, count)
        del self._added[:]
        return self._recorded

    @property
    def count(self) -> int:
        return int(self._record().get_total_count())

    def percentile(self, percent: float) -> float:
        """The time, in seconds, that so many percent do not exceed; 0 if there are none."""
        return float(self._record().get_value_at_percentile(percent) / _PER_SECOND)

    def times(self) -> Iterator[tuple[float, int]]:
        """Each time in seconds, the shortest first, and how often it was added."""
        for item in self._record().get_recorded_iterator():
            yield item.value_iterated_to / _PER_SECOND, item.count_added_in_this_iter_step

    def as_json(self) -> str:
        """The form in which results keep it: that of HdrHistogram, which other tools read, too."""
        return str(self._record().encode().decode())

    @classmethod
    def from_json(cls, text: str) -> "Histogram":
        """The reverse of `as_json`."""
        histogram = cls()
        histogram._recorded.decode_and_add(text)
        return histogram

    def merge(self, other: "Histogram") -> None:
        """Add all the times of another one."""
        self._record().add(other._record())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and self.as_json() == other.as_json()

    # It goes through a pipe out of the process that has measured, which shall not be the one that
    # records: so the times go as they are.
    def __reduce__(self) -> tuple[Any, ...]:
        return _remade, (self._added, str(self._recorded.encode().decode()))


def _remade(added: Iterable[float], recorded: str) -> Histogram:
    histogram = Histogram.from_json(recorded)
    for seconds in added:
        histogram.add(seconds)
    return histogram


def merge(histograms: Iterable[Histogram]) -> Histogram:
    """All of them together."""
    total = Histogram()
    for histogram in histograms:
        total.merge(histogram)
    return total
