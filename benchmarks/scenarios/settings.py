"""The same loads with different settings."""

from benchmarks.agents.load import Schedule
from benchmarks.authority import Authority
from benchmarks.bench import Bench, Results
from benchmarks.scenarios.transfers import LONE_RATE, describe
from benchmarks.settings import BEST, DEFAULTS, SETTINGS


def settings(bench: Bench) -> Results:
    """A burst and lone transfers: with the defaults, with an example, with the best settings."""
    bench.world()
    names = list(SETTINGS)
    runs = []
    for number in range(bench.runs_count):
        # in turn, so that none of them always comes first
        first = number % len(names)
        measured = {n: _measure(bench, n, number) for n in names[first:] + names[:first]}
        run = {
            **measured,
            "ratio": _ratio(measured, "per_second"),
            "latency_ratio": 1 / _ratio(measured, "lone_p50_seconds"),
            "problems": [p for one in measured.values() for p in one["problems"]],
        }
        bench.say(
            f"the defaults reach {run['ratio']:.2f} of the best throughput,"
            f" and {run['latency_ratio']:.2f} of the best speed of a lone transfer"
        )
        runs.append(run)
    return {"runs": runs}


def _measure(bench: Bench, name: str, number: int) -> Results:
    folder = bench.authority.folder / f"{name}-{number}"
    with bench.replaced(Authority(bench.addresses, folder, SETTINGS[name])):
        world = bench.world()
        warm_up = bench.transfers(world, "uniform", Schedule(bench.sizes.warm_up_count))
        bench.run(warm_up)
        burst = bench.run(bench.transfers(world, "uniform", Schedule(bench.sizes.burst_count)))
        bench.say(f"{name}: {describe(burst)}")
        lone_schedule = Schedule(bench.sizes.lone_count, rate_per_second=LONE_RATE)
        lone = bench.run(bench.transfers(world, "uniform", lone_schedule))
        bench.say(f"{name}, lone: {describe(lone)}")
    return {
        "count": burst.load.count,
        "per_second": burst.load.per_second,
        "cpu_ms_total": burst.as_json()["cpu_ms_total"],
        "lone_p50_seconds": lone.load.latencies["credited"].percentile(50),
        "latencies": {n: h.as_json() for n, h in lone.load.latencies.items()},
        "problems": burst.problems + lone.problems,
    }


def _ratio(measured: dict[str, Results], name: str) -> float:
    return float(measured[DEFAULTS][name] / max(measured[BEST][name], 1e-9))
