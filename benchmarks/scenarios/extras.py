"""What is off by default, and what it costs: the same burst without it and with it, in turn."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from subprocess import Popen
from sys import executable

from agentkit.processes import free_port
from benchmarks.agents.load import Schedule
from benchmarks.authority import Authority
from benchmarks.bench import Bench, Results
from benchmarks.scenarios.transfers import describe

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
Look = Callable[[Authority], Results]


def journal(bench: Bench) -> Results:
    """A burst without a journal, and with one; the bytes that a transfer leaves in it."""
    return _compare(bench, "journal", JOURNAL, _journal_bytes)


def metrics(bench: Bench) -> Results:
    """A burst whose processes count nothing, and one whose processes count all; nobody scrapes."""
    return _compare(bench, "metrics", METRICS)


def opentelemetry(bench: Bench) -> Results:
    """A burst without traces, with those of one message in a hundred, and of all."""
    with _sink() as url:
        settings = {
            name: {**some, "OTEL_EXPORTER_OTLP_ENDPOINT": url} for name, some in TRACES.items()
        }
        return _compare(bench, "opentelemetry", settings)


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


def _compare(
    bench: Bench,
    title: str,
    settings: Mapping[str, Mapping[str, str]],
    look: Look = lambda _: {},
) -> Results:
    """Each time another one is the first: what comes later finds more rows, and warmer caches.

    `look` tells what there is after a burst, of which the growth during the burst counts.
    """
    bench.world()
    names = list(settings)
    runs = []
    for number in range(bench.runs_count):
        first = number % len(names)
        run: Results = {}
        for name in names[first:] + names[:first]:
            folder = bench.authority.folder / f"{title} {name}-{number}"
            authority = Authority(bench.addresses, folder, settings[name])
            run[name] = _measure(bench, authority, look)
            bench.say(f"{title} {name}: {run[name]['text']}")
        runs.append({**run, **_beside_off(run)})
    return {"runs": runs}


def _measure(bench: Bench, authority: Authority, look: Look) -> Results:
    with bench.replaced(authority):
        world = bench.world()
        bench.run(bench.transfers(world, "uniform", Schedule(bench.sizes.warm_up_count)))
        before = look(authority)
        burst = bench.run(bench.transfers(world, "uniform", Schedule(bench.sizes.burst_count)))
        grown = {name: value - before[name] for name, value in look(authority).items()}
    return {
        "text": describe(burst),
        "count": burst.load.count,
        "per_second": burst.load.per_second,
        "cpu_ms_total": burst.as_json()["cpu_ms_total"],
        **{f"{name}_per_transfer": value / burst.load.count for name, value in grown.items()},
        "problems": burst.problems,
    }


def _beside_off(run: Results) -> Results:
    off, on = run[OFF], {name: one for name, one in run.items() if name != OFF}
    return {
        "throughput_ratios": {
            name: one["per_second"] / max(off["per_second"], 1e-9) for name, one in on.items()
        },
        "cpu_ratios": {
            name: one["cpu_ms_total"] / max(off["cpu_ms_total"], 1e-9) for name, one in on.items()
        },
        "problems": [problem for one in run.values() for problem in one["problems"]],
    }


def _journal_bytes(authority: Authority) -> Results:
    sizes = "SELECT sum(pg_total_relation_size(relid))::bigint FROM pg_partition_tree('journal')"
    return {"bytes": int(authority.query(sizes)[0][0])}
