"""What was to be reached, and whether it was."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from operator import ge, le, lt

from benchmarks.report.figures import (
    Results,
    Spread,
    figure,
    idle_share,
    latency,
    memory_growth,
    runs_of,
    spread,
    text_of,
)
from benchmarks.scenarios.causes import FEW, HALF, MANY, USUAL

MIB = 2**20 / 10**6
"""In MB."""
Compare = Callable[[float, float], bool]
Outcome = tuple[str, bool]
"""What was reached, and whether that is enough."""


@dataclass(frozen=True)
class Target:
    """A line of the table. `judge` returns None for what was not measured."""

    what: str
    wanted: str
    judge: Callable[[Results], Outcome | None]


def number(
    compare: Compare, bound: float, digits: int, unit: str, *path: str, factor: float = 1.0
) -> Callable[[Results], Outcome | None]:
    """A number of a scenario is large enough, or small enough."""
    return value(compare, bound, digits, unit, lambda results: figure(results, *path), factor)


def value(
    compare: Compare,
    bound: float,
    digits: int,
    unit: str,
    of: Callable[[Results], Spread | None],
    factor: float = 1.0,
) -> Callable[[Results], Outcome | None]:
    """The same, of a number that is made of several."""

    def judge(results: Results) -> Outcome | None:
        found = of(results)
        if found is None:
            return None
        found = found.times(factor)
        return text_of(found, digits, unit), compare(found.median, bound)

    return judge


def latencies(
    scenario: str, name: str, wanted_ms: dict[float, float], *path: str
) -> Callable[[Results], Outcome | None]:
    """Percentiles are small enough."""

    def judge(results: Results) -> Outcome | None:
        histogram = latency(results, scenario, name, *path)
        if histogram is None:
            return None
        found = {percent: 1000 * histogram.percentile(percent) for percent in wanted_ms}
        text = ", ".join(f"p{percent:g} {ms:.1f} ms" for percent, ms in found.items())
        return text, all(found[percent] <= ms for percent, ms in wanted_ms.items())

    return judge


def as_fast_as_uniform(results: Results) -> Outcome | None:
    """Whether the shape of a burst makes no difference, as far as the runs themselves can tell."""
    uniform = figure(results, "burst", "per_second")
    others = {name: figure(results, name, "per_second") for name in ("to_one", "from_one", "zipf")}
    if uniform is None or None in others.values():
        return None
    text = "; ".join(f"{name} {text_of(found)}" for name, found in others.items())
    return text, all(found is not None and found.max >= uniform.min for found in others.values())


def answers(wanted: float, connections_count: int) -> Callable[[Results], Outcome | None]:
    """So many answers in a second, over so many connections at least."""

    def judge(results: Results) -> Outcome | None:
        found = figure(results, "fetch", "per_second")
        connections = figure(results, "fetch", "connections_count")
        if found is None or connections is None:
            return None
        text = f"{text_of(found, unit=' a second')} over {connections.min:.0f} connections"
        return text, found.median >= wanted and connections.min >= connections_count

    return judge


def peak_memory(results: Results) -> Outcome | None:
    """Whether no process takes too much."""
    peaks = {name: MIB * sizes["peak"] for name, sizes in results.get("memory", {}).items()}
    if not peaks:
        return None
    name = max(peaks, key=lambda n: peaks[n])
    return f"{peaks[name]:.1f} MB ({name})", peaks[name] <= 90


def growth(results: Results) -> Outcome | None:
    """Whether no process takes more and more."""
    most = memory_growth(results)
    if most is None:
        return None
    seconds = runs_of(results, "memory")[0]["seconds"]
    return f"{most.max:+.1f} MiB in {seconds:.0f} s", most.max < 2.0


def slower(scenario: str, beside: Callable[[Results], str]) -> Callable[[Results], Outcome | None]:
    """Whether throughput is at most a tenth less beside something."""

    def judge(results: Results) -> Outcome | None:
        ratio = figure(results, scenario, "ratio")
        if ratio is None:
            return None
        return f"{100 * (ratio.median - 1):+.0f} %{beside(results)}", ratio.median >= 0.9

    return judge


def total_memory(results: Results) -> Outcome | None:
    """Whether all services together take little."""
    runs = runs_of(results, "light")
    total = spread(MIB * run["pss_total"] for run in runs)
    if total is None:
        return None
    count = len({name for run in runs for name in run["pss"]})
    return f"{text_of(total, unit=' MB')} in {count} processes", total.median <= 350


def _scan_cores(results: Results) -> str:
    return f"; the scan takes {text_of(figure(results, 'scan', 'extra_cores'), 2)} cores"


def _held_seconds(results: Results) -> str:
    return f" in {runs_of(results, 'held')[0]['held_seconds']:.0f} s"


TARGETS = (
    Target(
        "direct transfers, from the first request to the last recipient credited",
        "≥ 1,200 a second",
        number(ge, 1200, 0, " a second", "burst", "per_second"),
    ),
    Target(
        "CPU time of a transfer, of everything but the driver",
        "≤ 1.5 ms",
        number(le, 1.5, 2, " ms", "burst", "cpu_ms_total"),
    ),
    Target(
        "a lone transfer (20 a second) is prepared",
        "p50 ≤ 20 ms, p99 ≤ 60 ms",
        latencies("lone", "prepared", {50: 20, 99: 60}),
    ),
    Target(
        "… and its recipient has the AccountTransfer, since the request",
        "p50 ≤ 50 ms, p99 ≤ 150 ms",
        latencies("lone", "credited", {50: 50, 99: 150}),
    ),
    Target(
        "100 transfers a second: the recipient has the AccountTransfer",
        "p99 ≤ 60 ms",
        latencies("causes", "credited", {50: inf, 99: 60}, USUAL, FEW),
    ),
    Target(
        "500 a second: prepared",
        "p99 ≤ 75 ms",
        latencies("causes", "prepared", {50: inf, 99: 75}, USUAL, MANY),
    ),
    Target(
        "… and the recipient has the AccountTransfer",
        "p99 ≤ 150 ms",
        latencies("causes", "credited", {50: inf, 99: 150}, USUAL, MANY),
    ),
    Target(
        "… at half of the burst's rate",
        "p99 ≤ 150 ms",
        latencies("causes", "credited", {50: inf, 99: 150}, USUAL, HALF),
    ),
    Target(
        "all to one recipient; all from one sender; Zipf (s = 2)",
        "no slower than uniform",
        as_fast_as_uniform,
    ),
    Target(
        "opening accounts",
        "≥ 3,000 a second",
        number(ge, 3000, 0, " a second", "opening", "per_second"),
    ),
    Target(
        "throughput with the default settings, beside that with the best",
        "≥ 95 %",
        number(ge, 95, 0, " %", "settings", "ratio", factor=100),
    ),
    Target(
        "… and the speed of a lone transfer (its p50)",
        "≥ 95 %",
        number(ge, 95, 0, " %", "settings", "latency_ratio", factor=100),
    ),
    Target(
        "`reachable`, one process of the fetch API",
        "≥ 5,400 a second over 16 kept-alive connections",
        answers(5400, 16),
    ),
    Target("… at half of that", "p99 ≤ 20 ms", latencies("fetch", "at half", {99: 20})),
    Target(
        "cost of a transfer with 100,000 queued requests, beside that with 1,000",
        "≤ 1.3 times",
        number(le, 1.3, 2, " times", "backlog", "ratio"),
    ),
    Target(
        "cost of a transfer with 1,000,000 accounts, beside that with 1,000",
        "≤ 1.3 times",
        number(le, 1.3, 2, " times", "accounts", "ratio"),
    ),
    Target(
        "cost of a transfer from one shard to another, beside that within one, when the recipients"
        " are known: two shards",
        "≤ 1.6 times",
        number(le, 1.6, 2, " times", "shards", "2", "ratio_known"),
    ),
    Target(
        "… four shards", "≤ 1.6 times", number(le, 1.6, 2, " times", "shards", "4", "ratio_known")
    ),
    Target(
        "… when each recipient is asked about for the first time: two shards",
        "≤ 1.6 times",
        number(le, 1.6, 2, " times", "shards", "2", "ratio"),
    ),
    Target("… four shards", "≤ 1.6 times", number(le, 1.6, 2, " times", "shards", "4", "ratio")),
    Target(
        "throughput beside the accounts scan at the pace for 100,000,000 accounts",
        "at most a tenth less",
        slower("scan", _scan_cores),
    ),
    Target(
        "`status`, the whole process, with a million accounts, and a million rows that wait",
        "≤ 1 s",
        number(le, 1.0, 2, " s", "status", "seconds"),
    ),
    Target(
        "throughput beside a transaction that is held open",
        "at most a tenth less",
        slower("held", _held_seconds),
    ),
    Target(
        "memory (PSS) of all services after a load, supervisor included",
        "≤ 350 MB",
        total_memory,
    ),
    Target(
        "start of all services, until they serve",
        "≤ 1.5 s",
        number(le, 1.5, 2, " s", "light", "start_seconds"),
    ),
    Target(
        "memory (PSS) of all services after a load, each in a container of its own",
        "≤ 250 MiB",
        number(le, 250, 0, " MiB", "pods", "plain", "pss_total"),
    ),
    Target(
        "… their start, all at once, until they serve",
        "≤ 2 s",
        number(le, 2.0, 2, " s", "pods", "plain", "together_seconds"),
    ),
    Target("memory of each worker process, at its peak", "≤ 90 MB", peak_memory),
    Target("growth of a worker process under load", "none", growth),
    Target(
        "an idle authority: its processes and database sessions",
        "≤ 0.3 % of a core",
        value(le, 0.3, 2, " %", idle_share),
    ),
    Target(
        "… all services under one supervisor, and their database sessions",
        "≤ 0.3 % of a core",
        number(le, 0.3, 2, " %", "light", "idle_percent"),
    ),
    Target(
        "… the processes alone, with all that PostgreSQL and RabbitMQ take",
        "< 1 % of a core",
        number(lt, 1.0, 2, " %", "idle", "percent"),
    ),
)
