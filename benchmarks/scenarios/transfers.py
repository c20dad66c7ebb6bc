"""Accounts are opened, and transfers made: many at once, one at a time, and at a steady rate."""

from collections.abc import Callable

from benchmarks.agents.load import Load, Pattern, Schedule
from benchmarks.bench import Bench, Results, Run

LONE_RATE = 20.0
"""So few in a second that each transfer is alone."""


def _repeat(bench: Bench, pattern: Pattern, schedule: Schedule) -> Results:
    world = bench.world()
    return _runs(bench, lambda: bench.transfers(world, pattern, schedule))


def _runs(bench: Bench, load: Callable[[], Load]) -> Results:
    runs = []
    for _ in range(bench.runs_count):
        run = bench.run(load())
        bench.say(describe(run))
        runs.append(run.as_json())
    return {"runs": runs}


def describe(run: Run) -> str:
    """A run in one line."""
    latencies = ", ".join(
        f"{name} p50 {1000 * h.percentile(50):.1f} p99 {1000 * h.percentile(99):.1f} ms"
        for name, h in run.load.latencies.items()
    )
    cpu = 1000 * run.usage.total / max(run.load.count, 1)
    return f"{run.load.per_second:,.0f} a second, {cpu:.2f} ms CPU each; {latencies}"


def burst(bench: Bench) -> Results:
    """All requests at once, between random accounts."""
    return _repeat(bench, "uniform", Schedule(bench.sizes.burst_count))


def to_one(bench: Bench) -> Results:
    """All requests at once, to one recipient."""
    return _repeat(bench, "to_one", Schedule(bench.sizes.burst_count))


def from_one(bench: Bench) -> Results:
    """All requests at once, from one sender."""
    return _repeat(bench, "from_one", Schedule(bench.sizes.burst_count))


def zipf(bench: Bench) -> Results:
    """All requests at once; senders and recipients are drawn from a Zipf distribution."""
    return _repeat(bench, "zipf", Schedule(bench.sizes.burst_count))


def lone(bench: Bench) -> Results:
    """Twenty transfers a second: each is alone."""
    return _repeat(bench, "uniform", Schedule(bench.sizes.lone_count, rate_per_second=LONE_RATE))


def steady(bench: Bench) -> Results:
    """A steady rate, far below the limit."""
    schedule = Schedule(bench.sizes.steady_count, rate_per_second=bench.sizes.steady_rate)
    return _repeat(bench, "uniform", schedule)


def opening(bench: Bench) -> Results:
    """New accounts for a new debtor, all requests at once."""
    return _runs(bench, lambda: bench.opening(bench.new_debtor(), bench.sizes.opening_count))
