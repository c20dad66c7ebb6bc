"""An authority that has nothing to do."""

from contextlib import ExitStack
from time import monotonic, sleep

from benchmarks.bench import Bench, Results, noise_json
from benchmarks.usage import BROKER, POSTGRES, Usage, difference

# RabbitMQ and PostgreSQL have work of their own, from time to time: each of the two is measured in
# turn. Halted for longer, the authority would lose its connections to the broker.
ROUNDS_COUNT = 6
HALTED_SECONDS_MAX = 15.0


def idle(bench: Bench) -> Results:
    """How much of a core it takes while nothing is asked of it; and its servers by themselves.

    For the latter all processes of the authority are halted: their connections stay.
    """
    bench.world()
    bench.drain()
    sleep(bench.sizes.settling_seconds)
    usage, alone = Usage(), Usage()
    seconds = alone_seconds = 0.0
    for _ in range(ROUNDS_COUNT):
        wanted = bench.sizes.idle_seconds / ROUNDS_COUNT
        seconds += _measure(bench, wanted, usage)
        with ExitStack() as halted:
            for name in bench.authority.processes:
                halted.enter_context(bench.halted(name))
            alone_seconds += _measure(bench, min(wanted, HALTED_SECONDS_MAX), alone)
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


def _measure(bench: Bench, wanted_seconds: float, usage: Usage) -> float:
    """Add what is used in a time. Returns how long it was."""
    before, started_at = bench.meter.sample(), monotonic()
    sleep(wanted_seconds)
    seconds, after = monotonic() - started_at, bench.meter.sample()
    usage.add(difference(before, after))
    return seconds
