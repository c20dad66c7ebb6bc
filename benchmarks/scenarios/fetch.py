"""The fetch API."""

from dataclasses import replace
from time import monotonic

from benchmarks.bench import Bench, Results, noise_json
from benchmarks.usage import Usage, difference
from benchmarks.web_load import WebLoad, WebResult, run_web_load

CONNECTIONS_COUNT = 16


def web_load(bench: Bench) -> WebLoad:
    """As many questions as are answered."""
    world = bench.world()
    return WebLoad(
        bench.authority.port,
        world.debtor_id,
        world.accounts_count,
        CONNECTIONS_COUNT,
        bench.sizes.fetch_seconds,
    )


def fetch(bench: Bench) -> Results:
    """`reachable`, as often as one process can answer; then half as often, for the latency."""
    load = web_load(bench)
    runs = []
    for seed in range(bench.runs_count):
        most, usage, seconds = _measure(bench, replace(load, seed=seed))
        half_rate = max(most.per_second / 2, 1)
        half, _, _ = _measure(bench, replace(load, seed=seed, rate_per_second=half_rate))
        bench.say(
            f"{most.per_second:,.0f} a second; at half of that p50"
            f" {1000 * half.latencies.percentile(50):.1f}"
            f" p99 {1000 * half.latencies.percentile(99):.1f} ms"
        )
        runs.append(
            {
                "connections_count": CONNECTIONS_COUNT,
                "count": most.count,
                "seconds": most.seconds,
                "per_second": most.per_second,
                "cpu_ms": {r: 1000 * s / most.count for r, s in usage.roles.items()},
                "cpu_ms_total": 1000 * usage.total / most.count,
                "half_per_second": half.per_second,
                "latencies": {
                    "at half": half.latencies.as_json(),
                    "at most": most.latencies.as_json(),
                },
                **noise_json(usage, seconds),
                "problems": most.problems + half.problems,
            }
        )
    return {"runs": runs}


def _measure(bench: Bench, load: WebLoad) -> tuple[WebResult, Usage, float]:
    before, started_at = bench.meter.sample(), monotonic()
    result = run_web_load(load)
    seconds, after = monotonic() - started_at, bench.meter.sample()
    bench.note(result.problems)
    usage = difference(before, after)
    usage.roles["driver"] = result.cpu_seconds
    usage.others = max(usage.others - result.cpu_seconds, 0)
    return result, usage, seconds
