"""What was to be reached, and what was."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.report.figures import (
    Results,
    figure,
    idle_share,
    latency,
    memory_growth,
    runs_of,
    text_of,
)


@dataclass(frozen=True)
class Outcome:
    """What was reached, and whether that is enough."""

    text: str
    is_met: bool


@dataclass(frozen=True)
class Target:
    """A line of the table. `judge` returns None for what was not measured."""

    what: str
    wanted: str
    judge: Callable[[Results], Outcome | None]


def _at_least(scenario: str, wanted: float, unit: str) -> Callable[[Results], Outcome | None]:
    def judge(results: Results) -> Outcome | None:
        value = figure(results, scenario, "per_second")
        if value is None:
            return None
        return Outcome(text_of(value, unit=unit), value.median >= wanted)

    return judge


def _at_most(
    wanted: float, digits: int, unit: str, scenario: str, *path: str
) -> Callable[[Results], Outcome | None]:
    def judge(results: Results) -> Outcome | None:
        value = figure(results, scenario, *path)
        if value is None:
            return None
        return Outcome(text_of(value, digits, unit), value.median <= wanted)

    return judge


def _latency(
    scenario: str, name: str, wanted_ms: dict[float, float]
) -> Callable[[Results], Outcome | None]:
    def judge(results: Results) -> Outcome | None:
        histogram = latency(results, scenario, name)
        if histogram is None:
            return None
        found = {percent: 1000 * histogram.percentile(percent) for percent in wanted_ms}
        text = ", ".join(f"p{percent:g} {ms:.1f} ms" for percent, ms in found.items())
        return Outcome(text, all(found[percent] <= ms for percent, ms in wanted_ms.items()))

    return judge


def _as_fast_as_uniform(results: Results) -> Outcome | None:
    uniform = figure(results, "burst", "per_second")
    others = {name: figure(results, name, "per_second") for name in ("to_one", "from_one", "zipf")}
    if uniform is None or None in others.values():
        return None
    texts = [f"{name} {text_of(value)}" for name, value in others.items()]
    # As fast, as far as the runs themselves can tell.
    is_met = all(value is not None and value.max >= uniform.min for value in others.values())
    return Outcome("; ".join(texts), is_met)


def _memory(results: Results) -> Outcome | None:
    peaks = {name: sizes["peak"] for name, sizes in results.get("memory", {}).items()}
    if not peaks:
        return None
    name = max(peaks, key=lambda n: peaks[n])
    megabytes = peaks[name] * 2**20 / 10**6
    return Outcome(f"{megabytes:.1f} MB ({name})", megabytes <= 90)


def _growth(results: Results) -> Outcome | None:
    runs = runs_of(results, "memory")
    if not runs:
        return None
    growth = max(memory_growth(run) for run in runs)
    return Outcome(f"{growth:+.1f} MiB in {runs[0]['seconds']:.0f} s", growth < 2.0)


def _held(results: Results) -> Outcome | None:
    ratio = figure(results, "held", "ratio")
    if ratio is None:
        return None
    seconds = runs_of(results, "held")[0]["held_seconds"]
    text = f"{100 * (ratio.median - 1):+.0f} % in {seconds:.0f} s"
    return Outcome(text, ratio.median >= 0.9)


def _scan(results: Results) -> Outcome | None:
    ratio = figure(results, "scan", "ratio")
    if ratio is None:
        return None
    cores = figure(results, "scan", "extra_cores")
    text = f"{100 * (ratio.median - 1):+.0f} %; the scan takes {text_of(cores, 2)} cores"
    return Outcome(text, ratio.median >= 0.9)


def _idle(results: Results) -> Outcome | None:
    share = idle_share(results)
    return None if share is None else Outcome(text_of(share, 2, " %"), share.median < 1.0)


TARGETS = (
    Target(
        "direct transfers, from the first request to the last recipient credited",
        "≥ 1,200 a second",
        _at_least("burst", 1200, " a second"),
    ),
    Target(
        "CPU time of a transfer, of everything but the driver",
        "≤ 1.5 ms",
        _at_most(1.5, 2, " ms", "burst", "cpu_ms_total"),
    ),
    Target(
        "a lone transfer (20 a second) is prepared",
        "p50 ≤ 20 ms, p99 ≤ 60 ms",
        _latency("lone", "prepared", {50: 20, 99: 60}),
    ),
    Target(
        "… and its recipient has the AccountTransfer, since the request",
        "p50 ≤ 50 ms, p99 ≤ 150 ms",
        _latency("lone", "credited", {50: 50, 99: 150}),
    ),
    Target(
        "all to one recipient; all from one sender; Zipf (s = 2)",
        "no slower than uniform",
        _as_fast_as_uniform,
    ),
    Target("opening accounts", "≥ 3,000 a second", _at_least("opening", 3000, " a second")),
    Target(
        "`reachable`, one process of the fetch API",
        "≥ 1,500 a second",
        _at_least("fetch", 1500, " a second"),
    ),
    Target("… at half of that", "p99 ≤ 20 ms", _latency("fetch", "at half", {99: 20})),
    Target(
        "cost of a transfer with 100,000 queued requests, beside that with 1,000",
        "≤ 1.3 times",
        _at_most(1.3, 2, " times", "backlog", "ratio"),
    ),
    Target(
        "cost of a transfer with 1,000,000 accounts, beside that with 1,000",
        "≤ 1.3 times",
        _at_most(1.3, 2, " times", "accounts", "ratio"),
    ),
    Target(
        "throughput beside the accounts scan at the pace for 100,000,000 accounts",
        "at most a tenth less",
        _scan,
    ),
    Target("throughput beside a transaction that is held open", "at most a tenth less", _held),
    Target("memory of each worker process, at its peak", "≤ 90 MB", _memory),
    Target("growth of a worker process under load", "none", _growth),
    Target("an idle authority: its processes and database sessions", "< 1 % of a core", _idle),
    Target(
        "… with all that PostgreSQL and RabbitMQ take",
        "< 1 % of a core",
        _at_most(1.0, 2, " %", "idle", "percent"),
    ),
)
