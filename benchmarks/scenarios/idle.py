"""An authority that has nothing to do."""

from time import monotonic, sleep

from benchmarks.bench import Bench, Results, noise_json
from benchmarks.usage import BROKER, POSTGRES, difference


def idle(bench: Bench) -> Results:
    """How much of a core it takes, with its servers, while nothing is asked of it.

    It comes first: for many minutes after a load, its servers take more.
    """
    sleep(bench.sizes.settling_seconds)
    return {"runs": [_measure(bench) for _ in range(bench.runs_count)]}


def _measure(bench: Bench) -> Results:
    before, started_at = bench.meter.sample(), monotonic()
    sleep(bench.sizes.idle_seconds)
    seconds, after = monotonic() - started_at, bench.meter.sample()
    usage = difference(before, after)
    percents = {role: 100 * s / seconds for role, s in usage.roles.items()}
    total = 100 * usage.total / seconds
    servers = percents[POSTGRES] + percents[BROKER]
    bench.say(f"{total:.2f} % of a core, of which its servers take {servers:.2f} %")
    return {
        "seconds": seconds,
        "percent": total,
        "servers_percent": servers,
        "role_percents": percents,
        "postgresql_percents": {n: 100 * s / seconds for n, s in usage.backends.items()},
        **noise_json(usage, seconds),
        "problems": [],
    }
