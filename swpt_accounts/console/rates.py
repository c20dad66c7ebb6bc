"""Numbers from samples: how many rows a second, how long they stay."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from swpt_accounts.console.sampler import Counters, Sample

LIVE_SECONDS: Final = 30.0
_NONE = Counters(0, 0, 0)


def recent(samples: Sequence[Sample], seconds: float = LIVE_SECONDS) -> Sequence[Sample]:
    """The last samples, of about so many seconds."""
    if not samples:
        return samples
    first_at = samples[-1].at - seconds
    return [sample for sample in samples if sample.at >= first_at]


@dataclass(frozen=True)
class Rate:
    """Rows of some tables: how many came and went a second; None where that is not known yet."""

    came: float | None
    gone: float | None
    changed: float | None


def rate(samples: Sequence[Sample], names: Iterable[str]) -> Rate:
    """Between the first and the last of these samples."""
    if len(samples) < 2:
        return Rate(None, None, None)
    return between(samples[0], samples[-1], names)


def between(first: Sample, last: Sample, names: Iterable[str]) -> Rate:
    """Between two samples. Statistics that were reset in the meantime give no rate."""
    seconds = last.at - first.at
    names = list(names)
    before = [first.counters.get(name, _NONE) for name in names]
    after = [last.counters.get(name, _NONE) for name in names]

    def of(counts_before: list[int], counts_after: list[int]) -> float | None:
        change = sum(counts_after) - sum(counts_before)
        return change / seconds if seconds > 0 and change >= 0 else None

    return Rate(
        of([c.came for c in before], [c.came for c in after]),
        of([c.gone for c in before], [c.gone for c in after]),
        of([c.changed for c in before], [c.changed for c in after]),
    )


def mean_stay(samples: Sequence[Sample], names: Iterable[str]) -> float | None:
    """How many seconds a row stays in these tables, on average: as many as wait, by the rate at
    which they leave (Little's law). None where none has left."""
    names = list(names)
    gone = rate(samples, names).gone
    if not gone:
        return None
    return sum(sample.waiting(names) for sample in samples) / len(samples) / gone


Series = list[tuple[float, float | None]]


def rate_series(samples: Sequence[Sample], names: Sequence[str], kind: str) -> Series:
    """A rate ("came", "gone" or "changed") at each moment: seconds before the last, and value."""
    return [
        (last.at - samples[-1].at, getattr(between(first, last, names), kind))
        for first, last in pairwise(samples)
    ]


def stay_series(samples: Sequence[Sample], names: Sequence[str], count: int = 6) -> Series:
    """The mean stay, over so many samples each; 0 where nothing waited."""
    series: Series = []
    for end in range(count, len(samples) + 1):
        some = samples[end - count : end]
        stay = mean_stay(some, names)
        is_idle = all(sample.waiting(names) == 0 for sample in some)
        series.append((some[-1].at - samples[-1].at, 0.0 if stay is None and is_idle else stay))
    return series


def waiting_series(samples: Sequence[Sample], names: Sequence[str]) -> Series:
    """How many rows wait."""
    return [(s.at - samples[-1].at, float(s.waiting(names))) for s in samples]


def age_series(samples: Sequence[Sample], names: Sequence[str]) -> Series:
    """How long the oldest row waits; 0 where none does."""
    return [(s.at - samples[-1].at, s.longest_wait(names) or 0.0) for s in samples]
