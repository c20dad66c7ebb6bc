"""How long transfers take at each load, from a few in a second to the most that is possible."""

from collections.abc import Callable

from benchmarks.agents.load import Schedule
from benchmarks.agents.process import Driver
from benchmarks.bench import Bench, Results, Run
from benchmarks.scenarios.transfers import describe

PERCENTS = (1, 2, 5, 10, 20, 35, 50, 70, 85, 100)
"""Of the rate that the burst has reached."""
_FEW_PERCENT = 10
_FEW_SECONDS = 2.5
"""So many times as long a load lasts that has few transfers a second."""


def curve(bench: Bench) -> Results:
    """A burst, and then open loads at parts of the rate that it has reached."""
    world = bench.world()
    runs = []
    for _ in range(bench.runs_count):
        burst = bench.run(bench.transfers(world, "uniform", Schedule(bench.sizes.burst_count)))
        bench.say(f"burst: {describe(burst)}")
        run: Results = {"per_second": burst.load.per_second, "problems": [*burst.problems]}
        for percent in PERCENTS:
            point = at_rate(bench, percent / 100 * burst.load.per_second, seconds(bench, percent))
            bench.say(f"{percent} %: {describe(point)}")
            run[str(percent)] = times_of(point)
            run["problems"] += point.problems
        runs.append(run)
    return {"runs": runs}


def seconds(bench: Bench, percent: float) -> float:
    """How long to load it with so many percent of what it can."""
    return bench.sizes.curve_seconds * (_FEW_SECONDS if percent <= _FEW_PERCENT else 1)


def at_rate(
    bench: Bench,
    rate: float,
    seconds: float,
    meanwhile: Callable[[Driver], None] | None = None,
    at_end: Callable[[], None] | None = None,
) -> Run:
    """Transfers at a rate, for a time; the rest as in `Bench.run`."""
    schedule = Schedule(max(round(rate * seconds), 1), rate_per_second=rate)
    load = bench.transfers(bench.world(), "uniform", schedule)
    return bench.run(load, meanwhile, at_end)


def times_of(run: Run) -> Results:
    """What the tables and the picture need of a run."""
    kept = ("count", "per_second", "cpu_ms_total", "latencies", "others_cores")
    found = run.as_json()
    return {name: found[name] for name in kept}
