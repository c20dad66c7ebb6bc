"""Takes figures out of results."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.histogram import Histogram, merge

Results = dict[str, Any]


@dataclass(frozen=True)
class Spread:
    """The median of some runs, and how far they lie apart."""

    median: float
    min: float
    max: float

    def times(self, factor: float) -> "Spread":
        """The same in another unit."""
        return Spread(factor * self.median, factor * self.min, factor * self.max)


def spread(values: Iterable[float]) -> Spread | None:
    """The spread of values; None if there are none."""
    found = list(values)
    return Spread(statistics.median(found), min(found), max(found)) if found else None


def runs_of(results: Results, scenario: str) -> list[Results]:
    """The runs of a scenario; none, if it was not measured."""
    return list(results["scenarios"].get(scenario, {}).get("runs", []))


def part_of(run: Results, *path: str) -> Any:
    """What is in a run at a path."""
    value: Any = run
    for name in path:
        value = value[name]
    return value


def figure(results: Results, scenario: str, *path: str) -> Spread | None:
    """The spread of a number over the runs of a scenario; None, if it was not measured."""
    return spread(float(part_of(run, *path)) for run in runs_of(results, scenario))


def limit(results: Results, name: str) -> Spread | None:
    """A raw limit of the machine."""
    return spread(one[name] for one in results["raw_limits"])


def latency(results: Results, scenario: str, name: str, *path: str) -> Histogram | None:
    """All the times of a scenario (or a part of it); None, if it was not measured."""
    runs = [part_of(run, *path) for run in runs_of(results, scenario)]
    return merge(Histogram.from_json(run["latencies"][name]) for run in runs) if runs else None


def text_of(value: Spread | None, digits: int = 0, unit: str = "") -> str:
    """A spread for readers: the median, and the extremes if there are any."""
    if value is None:
        return "not measured"
    text = f"{value.median:,.{digits}f}{unit}"
    if value.min == value.max:
        return text
    return f"{text} ({value.min:,.{digits}f} … {value.max:,.{digits}f})"


def milliseconds(histogram: Histogram, percents: Sequence[float]) -> list[str]:
    """Percentiles for readers."""
    return [f"{1000 * histogram.percentile(percent):.1f}" for percent in percents]


def idle_share(results: Results) -> Spread | None:
    """What percentage of a core an idle authority's processes and their database sessions take."""
    return spread(
        run["percent"] - run["servers_percent"] + sum(run["postgresql_percents"].values())
        for run in runs_of(results, "idle")
    )


def memory_growth(results: Results) -> Spread | None:
    """By how many MiB the process that grew most grew, after the first third of a run."""
    found = []
    for run in runs_of(results, "memory"):
        timeline = run["timeline"]
        start, end = timeline[len(timeline) // 3]["resident"], timeline[-1]["resident"]
        found.append(float(max(end[name] - start[name] for name in start)))
    return spread(found)


def spreads_by_name(runs: list[Results], key: str) -> dict[str, Spread]:
    """Of each name in a part of the runs: the spread of its number, the largest first."""
    names = sorted({name for run in runs for name in run[key]})
    spreads = {n: s for n in names if (s := spread(run[key].get(n, 0.0) for run in runs))}
    return dict(sorted(spreads.items(), key=lambda item: -item[1].median))
