"""An authority that has nothing to do."""

from contextlib import ExitStack
from time import monotonic, sleep

from benchmarks.bench import Bench, Results, noise_json
from benchmarks.usage import BROKER, POSTGRES, Usage, difference

# Longer, and the connections to the broker would time out.
HALTED_SECONDS_MAX = 15.0


def idle(bench: Bench) -> Results:
    """How much of a core it takes while nothing is asked of it; and its servers by themselves.

    For the latter all processes of the authority are halted: their connections stay.
    """
    bench.world()
    bench.drain()
    sleep(bench.sizes.settling_seconds)
    usage, seconds = _measure(bench, bench.sizes.idle_seconds)
    with ExitStack() as halted:
        for name in bench.authority.processes:
            halted.enter_context(bench.halted(name))
        alone, alone_seconds = _measure(bench, min(seconds, HALTED_SECONDS_MAX))
    with_servers = 100 * usage.total / seconds
    servers = 100 * (alone.roles[POSTGRES] + alone.roles[BROKER]) / alone_seconds
    bench.say(
        f"{with_servers:.2f} % of a core with its servers, which take {servers:.2f} % by themselves"
    )
    run = {
        "seconds": seconds,
        "percent": with_servers - servers,
        "with_servers_percent": with_servers,
        "servers_percent": servers,
        "role_percents": {role: 100 * s / seconds for role, s in usage.roles.items()},
        "postgresql_percents": {n: 100 * s / seconds for n, s in usage.backends.items()},
        **noise_json(usage, seconds),
        "problems": [],
    }
    return {"runs": [run]}


def _measure(bench: Bench, wanted_seconds: float) -> tuple[Usage, float]:
    before, started_at = bench.meter.sample(), monotonic()
    sleep(wanted_seconds)
    seconds, after = monotonic() - started_at, bench.meter.sample()
    return difference(before, after), seconds
