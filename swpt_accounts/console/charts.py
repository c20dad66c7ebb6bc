"""What is drawn, as numbers for a template: rates and stays of samples, the flow, and charts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, log10
from typing import Final

from swpt_accounts.console.sampler import Counters, Sample
from swpt_accounts.inspection.status.thresholds import BACKLOG_COUNT, late_seconds

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
    return [(s.at - samples[-1].at, float(s.waiting(names))) for s in samples]


def age_series(samples: Sequence[Sample], names: Sequence[str]) -> Series:
    """How long the oldest row waits; 0 where none does."""
    return [(s.at - samples[-1].at, s.longest_wait(names) or 0.0) for s in samples]


@dataclass(frozen=True)
class Box:
    """A table, or some, in the drawing of the flow."""

    title: str
    tables: tuple[str, ...]
    x: int
    y: int
    waiting: int
    is_estimate: bool
    oldest_seconds: float | None
    rate: Rate
    stay_seconds: float | None

    @property
    def state(self) -> str:
        """ "idle", "busy", "long" or "late", for a colour and a word."""
        if (self.oldest_seconds or 0) >= late_seconds(self.tables[0]):
            return "late"
        if self.waiting >= BACKLOG_COUNT:
            return "long"
        return "busy" if self.waiting or self.rate.gone else "idle"


# The boxes: the title, the tables, and the place of the upper left corner.
_LEFT, _RIGHT = 170, 560
_PLACES: Final = (
    ("recipients to verify", ("unverified_transfer_request",), _LEFT, 20),
    ("requests to prepare", ("transfer_request",), _LEFT, 110),
    ("requests to finalize", ("finalization_request",), _LEFT, 200),
    ("balance changes", ("pending_balance_change",), _LEFT, 290),
    (
        "to coordinators",
        ("rejected_transfer_signal", "prepared_transfer_signal", "finalized_transfer_signal"),
        _RIGHT,
        20,
    ),
    ("AccountTransfers", ("account_transfer_signal",), _RIGHT, 110),
    (
        "about accounts",
        ("account_update_signal", "account_purge_signal", "rejected_config_signal"),
        _RIGHT,
        200,
    ),
    ("to other shards", ("pending_balance_change_signal",), _RIGHT, 290),
    ("returned by RabbitMQ", ("returned_message",), _RIGHT, 380),
)


def flow(samples: Sequence[Sample]) -> list[Box]:
    """The boxes, as of the last sample, with the rates of the last half minute."""
    some = recent(samples, LIVE_SECONDS)
    last = samples[-1]
    return [
        Box(
            title,
            tables,
            x,
            y,
            last.waiting(tables),
            any(last.backlog[name].is_estimate for name in tables if name in last.backlog),
            last.longest_wait(tables),
            rate(some, tables),
            mean_stay(some, tables),
        )
        for title, tables, x, y in _PLACES
    ]


@dataclass(frozen=True)
class Chart:
    """A line over the last hour, in a field of `WIDTH` times `HEIGHT`.

    `lines` are the parts of the line: it is broken where a value is not known.
    """

    title: str
    unit: str
    lines: list[str]
    top: float
    last: float | None
    highest: float
    minutes: int


WIDTH: Final = 600
HEIGHT: Final = 120


def chart(title: str, unit: str, series: Series) -> Chart:
    """A chart of a series. Its scale ends at a round number."""
    known = [value for _, value in series if value is not None]
    highest = max(known, default=0.0)
    top = _round_up(highest)
    seconds = max(60.0, -series[0][0]) if series else 60.0
    minutes = ceil(seconds / 60)
    return Chart(
        title=title,
        unit=unit,
        lines=_lines(series, minutes * 60.0, top),
        top=top,
        last=series[-1][1] if series else None,
        highest=highest,
        minutes=minutes,
    )


def _lines(series: Series, seconds: float, top: float) -> list[str]:
    parts: list[list[str]] = [[]]
    for at, value in series:
        if value is None:
            parts.append([])
            continue
        x = WIDTH * (1 + at / seconds)
        y = HEIGHT * (1 - min(value / top, 1.0))
        parts[-1].append(f"{x:.1f},{y:.1f}")
    return [" ".join(points) for points in parts if len(points) > 1]


def _round_up(value: float) -> float:
    """1, 2 or 5 times a power of ten, and not less than the value."""
    if value <= 0:
        return 1.0
    power = 10.0 ** floor(log10(value))
    return next(n * power for n in (1.0, 2.0, 5.0, 10.0) if n * power >= value)
