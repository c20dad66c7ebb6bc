"""An authority that has nothing to do."""

from time import monotonic, sleep

from benchmarks.bench import Bench, Results, noise_json
from benchmarks.usage import difference


def idle(bench: Bench) -> Results:
    """How much of a core it takes, while nothing is asked of it."""
    bench.world()
    before, started_at = bench.meter.sample(), monotonic()
    sleep(bench.sizes.idle_seconds)
    seconds, after = monotonic() - started_at, bench.meter.sample()
    usage = difference(before, after)
    percent = 100 * usage.total / seconds
    bench.say(f"{percent:.2f} % of a core")
    run = {
        "seconds": seconds,
        "percent": percent,
        "role_percents": {role: 100 * s / seconds for role, s in usage.roles.items()},
        "postgresql_percents": {n: 100 * s / seconds for n, s in usage.backends.items()},
        **noise_json(usage, seconds),
        "problems": [],
    }
    return {"runs": [run]}
