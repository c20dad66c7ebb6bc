"""An authority that has nothing to do."""

from time import monotonic, sleep

from benchmarks.bench import Bench, Results, noise_json
from benchmarks.readiness import await_silence
from benchmarks.scenarios.pods import Pods
from benchmarks.settings import DEFAULTS, SETTINGS
from benchmarks.usage import BROKER, POSTGRES, difference


def idle(bench: Bench) -> Results:
    """How much of a core it takes, with its servers, while nothing is asked of it; in turns with
    the servers alone, and with each service in a container of its own that shows its metrics.

    It comes first: for many minutes after a load, its servers take more.
    """
    return {"runs": [_measure_all(bench, number) for number in range(bench.runs_count)]}


def _measure_all(bench: Bench, number: int) -> Results:
    found = _measure(bench, "with the authority")
    folder = bench.authority.folder / f"pods-{number}"
    with bench.replaced(Pods(bench.addresses, folder, SETTINGS[DEFAULTS], has_metrics=True)):
        shown = _measure(bench, "ten containers with METRICS_PORT")
    bench.authority.stop()
    await_silence(bench.authority)
    alone = _measure(bench, "the servers alone")
    bench.authority.start()
    return {**found, "alone": alone, "with_metrics": shown}


def _measure(bench: Bench, what: str) -> Results:
    sleep(bench.sizes.settling_seconds)
    before, started_at = bench.meter.sample(), monotonic()
    sleep(bench.sizes.idle_seconds)
    seconds, after = monotonic() - started_at, bench.meter.sample()
    usage = difference(before, after)
    percents = {role: 100 * s / seconds for role, s in usage.roles.items()}
    total = 100 * usage.total / seconds
    servers = percents[POSTGRES] + percents[BROKER]
    bench.say(f"{what}: {total:.2f} % of a core, of which its servers take {servers:.2f} %")
    return {
        "seconds": seconds,
        "percent": total,
        "servers_percent": servers,
        "role_percents": percents,
        "postgresql_percents": {n: 100 * s / seconds for n, s in usage.backends.items()},
        **noise_json(usage, seconds),
        "problems": [],
    }
