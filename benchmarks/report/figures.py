"""Takes figures out of results."""

from collections.abc import Sequence
from typing import Any

from benchmarks.histogram import Histogram, merge
from benchmarks.spread import Spread, spread

Results = dict[str, Any]


def runs_of(results: Results, scenario: str) -> list[Results]:
    """The runs of a scenario; none, if it was not measured."""
    return list(results["scenarios"].get(scenario, {}).get("runs", []))


def part_of(run: Results, *path: str) -> Any:
    """What is in a run at a path."""
    value: Any = run
    for name in path:
        value = value[name]
    return value


def value_at(run: Results, *path: str) -> float:
    """A number in a run."""
    return float(part_of(run, *path))


def figure(results: Results, scenario: str, *path: str) -> Spread | None:
    """The spread of a number over the runs of a scenario; None, if it was not measured."""
    runs = runs_of(results, scenario)
    return spread([value_at(run, *path) for run in runs]) if runs else None


def limit(results: Results, name: str) -> Spread:
    """A raw limit of the machine."""
    return spread([one[name] for one in results["raw_limits"]])


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
    runs = runs_of(results, "idle")
    if not runs:
        return None
    return spread(
        [
            run["percent"] - run["servers_percent"] + sum(run["postgresql_percents"].values())
            for run in runs
        ]
    )


def memory_growth(run: Results) -> float:
    """By how many MiB the process that grew most grew, after the first third of a run."""
    timeline = run["timeline"]
    start, end = timeline[len(timeline) // 3]["resident"], timeline[-1]["resident"]
    return float(max(end[name] - start[name] for name in start))


def pss_spreads(results: Results) -> dict[str, Spread]:
    """The memory of each process of a whole authority, in MiB, the largest first."""
    runs = runs_of(results, "light")
    names = sorted({name for run in runs for name in run["pss"]})
    spreads = {n: spread([run["pss"].get(n, 0.0) for run in runs]) for n in names}
    return dict(sorted(spreads.items(), key=lambda item: -item[1].median))
