"""The same burst by authorities with different settings."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from subprocess import Popen
from sys import executable

from agentkit.processes import free_port
from benchmarks.agents.load import Schedule
from benchmarks.authority import Authority
from benchmarks.bench import Bench, Results
from benchmarks.scenarios.transfers import LONE_RATE, describe
from benchmarks.settings import BEST, DEFAULTS, SETTINGS, SLOW

OFF = "off"
JOURNAL: dict[str, dict[str, str]] = {OFF: {}, "on": {"JOURNAL_DAYS": "7"}}
METRICS: dict[str, dict[str, str]] = {OFF: {}, "on": {"METRICS_PORT": "9100"}}
_TRACED = {"APP_OPENTELEMETRY": "true"}
_SAMPLER = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio"}
TRACES: dict[str, dict[str, str]] = {
    OFF: {},
    "one in a hundred": {**_TRACED, **_SAMPLER, "OTEL_TRACES_SAMPLER_ARG": "0.01"},
    "all": _TRACED,
}
# Some of the slow values leave few transfers a second.
_SLOW_WARM_UP = 0.1
Look = Callable[[Bench], Results]


def _nothing(_bench: Bench) -> Results:
    return {}


def settings(bench: Bench) -> Results:
    """A burst and lone transfers: with the defaults, with an example, with the best settings."""
    runs = []
    for run in _runs(bench, "settings", SETTINGS, after=_lone):
        run["ratio"] = _ratio(run, "per_second")
        run["latency_ratio"] = 1 / _ratio(run, "lone_p50_seconds")
        bench.say(
            f"the defaults reach {run['ratio']:.2f} of the best throughput,"
            f" and {run['latency_ratio']:.2f} of the best speed of a lone transfer"
        )
        runs.append(run)
    return {"runs": runs}


def slow(bench: Bench) -> Results:
    """A burst with the defaults, and with each of the values that cost most of the speed."""
    parts = {name: part for name, (_, part) in SLOW.items()}
    several = {name: some for name, (some, _) in SLOW.items()}
    return {"runs": list(_runs(bench, "slow", several, parts, warm_up=_SLOW_WARM_UP))}


def journal(bench: Bench) -> Results:
    """A burst without a journal, and with one; the bytes that a transfer leaves in it."""
    return _beside_off(bench, "journal", JOURNAL, _journal_bytes)


def metrics(bench: Bench) -> Results:
    """A burst whose processes count nothing, and one whose processes count all; nobody scrapes."""
    return _beside_off(bench, "metrics", METRICS)


def opentelemetry(bench: Bench) -> Results:
    """A burst without traces, with those of one message in a hundred, and of all."""
    with _sink() as url:
        sent = {"OTEL_EXPORTER_OTLP_ENDPOINT": url}
        several = {name: {**some, **sent} for name, some in TRACES.items()}
        return _beside_off(bench, "opentelemetry", several)


@contextmanager
def _sink() -> Iterator[str]:
    """The URL of a collector that takes everything, and keeps nothing."""
    port = free_port()
    process = Popen([executable, "-m", "benchmarks.span_sink", str(port)])
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def in_turn(names: Sequence[str], number: int) -> list[str]:
    """The names, so that none is always the first: what comes later finds more rows, and warmer
    caches.
    """
    first = number % len(names)
    return [*names[first:], *names[:first]]


def _runs(
    bench: Bench,
    title: str,
    several: Mapping[str, Mapping[str, str]],
    parts: Mapping[str, float] | None = None,
    *,
    warm_up: float = 1.0,
    look: Look = _nothing,
    after: Look = _nothing,
) -> Iterator[Results]:
    """For each run, what came of each of several settings.

    `parts` tells how much of a burst is enough for them. `look` tells what there is after a burst,
    of which the growth during the burst counts; `after` does something else afterwards.
    """
    bench.world()
    for number in range(bench.runs_count):
        run: Results = {}
        for name in in_turn(list(several), number):
            folder = bench.authority.folder / f"{title} {name}-{number}"
            authority = Authority(bench.addresses, folder, several[name])
            part = parts[name] if parts else 1.0
            with bench.replaced(authority):
                run[name] = _burst(bench, f"{title} {name}", part, warm_up, look)
                found = after(bench)
            run[name]["problems"] += found.pop("problems", [])
            run[name] |= found
        yield {**run, "problems": [p for one in run.values() for p in one["problems"]]}


def _burst(bench: Bench, title: str, part: float, warm_up: float, look: Look) -> Results:
    def load(count: int, share: float) -> Schedule:
        return Schedule(max(int(count * share), 1))

    world = bench.world()
    bench.run(bench.transfers(world, "uniform", load(bench.sizes.warm_up_count, warm_up)))
    before = look(bench)
    burst = bench.run(bench.transfers(world, "uniform", load(bench.sizes.burst_count, part)))
    grown = {name: value - before[name] for name, value in look(bench).items()}
    text = describe(burst)
    bench.say(f"{title}: {text}")
    return {
        "text": text,
        "count": burst.load.count,
        "per_second": burst.load.per_second,
        "cpu_ms_total": burst.as_json()["cpu_ms_total"],
        **{f"{name}_per_transfer": value / burst.load.count for name, value in grown.items()},
        "problems": burst.problems,
    }


def _lone(bench: Bench) -> Results:
    """Lone transfers."""
    schedule = Schedule(bench.sizes.lone_count, rate_per_second=LONE_RATE)
    lone = bench.run(bench.transfers(bench.world(), "uniform", schedule))
    bench.say(f"lone: {describe(lone)}")
    return {
        "lone_p50_seconds": lone.load.latencies["credited"].percentile(50),
        "latencies": {n: h.as_json() for n, h in lone.load.latencies.items()},
        "problems": lone.problems,
    }


def _ratio(measured: Results, name: str) -> float:
    return float(measured[DEFAULTS][name] / max(measured[BEST][name], 1e-9))


def _beside_off(
    bench: Bench, title: str, several: Mapping[str, Mapping[str, str]], look: Look = _nothing
) -> Results:
    """What is off by default, beside a burst without it."""
    runs = []
    for run in _runs(bench, title, several, look=look):
        for key, of in (("throughput_ratios", "per_second"), ("cpu_ratios", "cpu_ms_total")):
            off = max(run[OFF][of], 1e-9)
            run[key] = {name: run[name][of] / off for name in several if name != OFF}
        runs.append(run)
    return {"runs": runs}


def _journal_bytes(bench: Bench) -> Results:
    sizes = "SELECT sum(pg_total_relation_size(relid))::bigint FROM pg_partition_tree('journal')"
    return {"bytes": int(bench.authority.query(sizes)[0][0])}
