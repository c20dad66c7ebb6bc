"""Judges whether results are as good as they were to be."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.report.figures import (
    Results,
    figure,
    idle_share,
    latency,
    memory_growth,
    pss_spreads,
    runs_of,
    text_of,
)


@dataclass(frozen=True)
class Outcome:
    """What was reached, and whether that is enough."""

    text: str
    is_met: bool


Judge = Callable[[Results], Outcome | None]
"""Returns None for what was not measured."""


def at_least(scenario: str, wanted: float, unit: str) -> Judge:
    """So many in a second."""

    def judge(results: Results) -> Outcome | None:
        value = figure(results, scenario, "per_second")
        if value is None:
            return None
        return Outcome(text_of(value, unit=unit), value.median >= wanted)

    return judge


def answers(wanted: float, connections_count: int) -> Judge:
    """So many answers in a second, over so many connections at least."""

    def judge(results: Results) -> Outcome | None:
        value = figure(results, "fetch", "per_second")
        connections = figure(results, "fetch", "connections_count")
        if value is None or connections is None:
            return None
        text = f"{text_of(value, unit=' a second')} over {connections.min:.0f} connections"
        is_met = value.median >= wanted and connections.min >= connections_count
        return Outcome(text, is_met)

    return judge


def at_most(wanted: float, digits: int, unit: str, scenario: str, *path: str) -> Judge:
    """A number of a scenario is small enough."""

    def judge(results: Results) -> Outcome | None:
        value = figure(results, scenario, *path)
        if value is None:
            return None
        return Outcome(text_of(value, digits, unit), value.median <= wanted)

    return judge


def latencies(scenario: str, name: str, wanted_ms: dict[float, float]) -> Judge:
    """Percentiles are small enough."""

    def judge(results: Results) -> Outcome | None:
        histogram = latency(results, scenario, name)
        if histogram is None:
            return None
        found = {percent: 1000 * histogram.percentile(percent) for percent in wanted_ms}
        text = ", ".join(f"p{percent:g} {ms:.1f} ms" for percent, ms in found.items())
        return Outcome(text, all(found[percent] <= ms for percent, ms in wanted_ms.items()))

    return judge


def as_fast_as_uniform(results: Results) -> Outcome | None:
    """Whether the shape of a burst makes no difference."""
    uniform = figure(results, "burst", "per_second")
    others = {name: figure(results, name, "per_second") for name in ("to_one", "from_one", "zipf")}
    if uniform is None or None in others.values():
        return None
    texts = [f"{name} {text_of(value)}" for name, value in others.items()]
    # As fast, as far as the runs themselves can tell.
    is_met = all(value is not None and value.max >= uniform.min for value in others.values())
    return Outcome("; ".join(texts), is_met)


def peak_memory(results: Results) -> Outcome | None:
    """Whether no process takes too much."""
    peaks = {name: sizes["peak"] for name, sizes in results.get("memory", {}).items()}
    if not peaks:
        return None
    name = max(peaks, key=lambda n: peaks[n])
    megabytes = peaks[name] * 2**20 / 10**6
    return Outcome(f"{megabytes:.1f} MB ({name})", megabytes <= 90)


def growth(results: Results) -> Outcome | None:
    """Whether no process takes more and more."""
    runs = runs_of(results, "memory")
    if not runs:
        return None
    most = max(memory_growth(run) for run in runs)
    return Outcome(f"{most:+.1f} MiB in {runs[0]['seconds']:.0f} s", most < 2.0)


def held(results: Results) -> Outcome | None:
    """Whether a transaction that is held open costs little."""
    ratio = figure(results, "held", "ratio")
    if ratio is None:
        return None
    seconds = runs_of(results, "held")[0]["held_seconds"]
    text = f"{100 * (ratio.median - 1):+.0f} % in {seconds:.0f} s"
    return Outcome(text, ratio.median >= 0.9)


def scan(results: Results) -> Outcome | None:
    """Whether the accounts scan costs little."""
    ratio = figure(results, "scan", "ratio")
    if ratio is None:
        return None
    cores = figure(results, "scan", "extra_cores")
    text = f"{100 * (ratio.median - 1):+.0f} %; the scan takes {text_of(cores, 2)} cores"
    return Outcome(text, ratio.median >= 0.9)


def idle(results: Results) -> Outcome | None:
    """Whether an idle authority takes next to nothing."""
    share = idle_share(results)
    return None if share is None else Outcome(text_of(share, 2, " %"), share.median <= 0.3)


def total_memory(results: Results) -> Outcome | None:
    """Whether all services together take little."""
    total = figure(results, "light", "pss_total")
    if total is None:
        return None
    megabytes = total.times(2**20 / 10**6)
    count = len(pss_spreads(results))
    return Outcome(
        f"{text_of(megabytes, unit=' MB')} in {count} processes", megabytes.median <= 350
    )


def share_of_best(name: str) -> Judge:
    """Whether the default settings are about as good as the best."""

    def judge(results: Results) -> Outcome | None:
        ratio = figure(results, "settings", name)
        if ratio is None:
            return None
        return Outcome(text_of(ratio.times(100), unit=" %"), ratio.median >= 0.95)

    return judge
