"""The values of settings that are known to cost most of the speed."""

from benchmarks.agents.load import Schedule
from benchmarks.authority import Authority
from benchmarks.bench import Bench, Results
from benchmarks.scenarios.transfers import describe
from benchmarks.settings import SLOW


def slow(bench: Bench) -> Results:
    """A burst with the defaults, and with each of the slow values."""
    bench.world()
    runs = []
    for number in range(bench.runs_count):
        measured = {name: _measure(bench, name, number) for name in SLOW}
        problems = [p for one in measured.values() for p in one["problems"]]
        runs.append({**measured, "problems": problems})
    return {"runs": runs}


def _measure(bench: Bench, name: str, number: int) -> Results:
    settings, part = SLOW[name]
    folder = bench.authority.folder / f"slow {name}-{number}"
    with bench.replaced(Authority(bench.addresses, folder, settings)):
        world = bench.world()
        warm_up = Schedule(max(bench.sizes.warm_up_count // 10, 1))
        bench.run(bench.transfers(world, "uniform", warm_up))
        count = max(int(bench.sizes.burst_count * part), 1)
        burst = bench.run(bench.transfers(world, "uniform", Schedule(count)))
        bench.say(f"{name}: {describe(burst)}")
    return {
        "count": burst.load.count,
        "per_second": burst.load.per_second,
        "problems": burst.problems,
    }
