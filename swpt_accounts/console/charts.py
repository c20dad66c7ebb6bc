"""Drawings, as numbers for a template: the flow, and charts."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Final

from swpt_accounts.console.rates import LIVE_SECONDS, Rate, Series, mean_stay, rate, recent
from swpt_accounts.console.sampler import Sample

LATE_SECONDS: Final = 10.0
LONG_COUNT: Final = 1000


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
        """ "idle", "at work", "long" or "late", for a colour and a word."""
        if (self.oldest_seconds or 0) > LATE_SECONDS:
            return "late"
        if self.waiting >= LONG_COUNT:
            return "long"
        return "at work" if self.waiting or self.rate.gone else "idle"


# Where what is drawn: the title, the tables, and the place of the upper left corner.
_LEFT, _RIGHT = 170, 560
_PLACES: Final = (
    ("recipient is verified", ("unverified_transfer_request",), _LEFT, 20),
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
    ("returned by the broker", ("returned_message",), _RIGHT, 380),
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
