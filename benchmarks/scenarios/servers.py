"""The same loads on several servers, for example of different versions, in turns."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Final

from benchmarks.addresses import Addresses, sandbox
from benchmarks.agents.load import Schedule
from benchmarks.authority import Authority
from benchmarks.bench import Bench, Results
from benchmarks.machine import describe_machine
from benchmarks.readiness import await_silence
from benchmarks.scenarios.comparisons import in_turn
from benchmarks.scenarios.transfers import LONE_RATE, describe

OWN: Final = "own"
"""The servers of ./dev, beside those that --servers names."""
_KEPT: Final = ("count", "per_second", "cpu_ms", "cpu_ms_total", "latencies", "others_cores")


def servers(bench: Bench) -> Results:
    """A burst, a steady load and lone transfers, on the servers of ./dev and on others.

    The same processes work on them, one authority after the other. It needs --servers.
    """
    if not bench.options.servers:
        bench.say("skipped: --servers names no others")
        return {"runs": [], "versions": {}}
    runs: list[Results] = []
    with _benches(bench) as benches:
        versions = {name: versions_of(one.addresses) for name, one in benches.items()}
        for number in range(bench.runs_count):
            run: Results = {}
            for name in in_turn(list(benches), number):
                with _at_work(benches[name]):
                    run[name] = _loads(benches[name], versions[name])
            runs.append({**run, "problems": [p for one in run.values() for p in one["problems"]]})
    return {"runs": runs, "versions": versions}


def versions_of(addresses: Addresses) -> dict[str, str]:
    """The versions of the servers there."""
    found = describe_machine(addresses)
    return {name: str(found[name]).split()[0] for name in ("postgresql", "rabbitmq")}


@contextmanager
def sandboxes(others: Mapping[str, Mapping[str, str]]) -> Iterator[dict[str, Addresses]]:
    """A new database and a new virtual host on each of several servers."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(sandbox({**os.environ, **variables}, f"_{number}"))
            for number, (name, variables) in enumerate(others.items())
        }


@contextmanager
def _benches(own: Bench) -> Iterator[dict[str, Bench]]:
    """An authority on each of the servers. None is at work until the context ends."""
    benches = {OWN: own}
    _rest(own)
    with sandboxes(own.options.servers) as found:
        try:
            for name, addresses in found.items():
                authority = Authority(addresses, own.authority.folder / f"servers {name}", {})
                benches[name] = Bench(authority, own.options)
                authority.prepare()
            yield benches
        finally:
            del benches[OWN]
            for bench in benches.values():
                bench.authority.close()
                own.problems += [*bench.problems, *bench.authority.complaints()]
    own.authority.start()


def _rest(bench: Bench) -> None:
    bench.authority.stop()
    await_silence(bench.authority)


@contextmanager
def _at_work(bench: Bench) -> Iterator[None]:
    bench.authority.start()
    try:
        yield
    finally:
        _rest(bench)


def _loads(bench: Bench, versions: Mapping[str, str]) -> Results:
    sizes, world = bench.sizes, bench.world()
    bench.run(bench.transfers(world, "uniform", Schedule(sizes.warm_up_count)))
    found: Results = {"problems": [], "sees_servers": bench.meter.sees_servers}
    for name, schedule in {
        "burst": Schedule(sizes.servers_count),
        "steady": Schedule(2 * sizes.servers_count // 5, rate_per_second=sizes.steady_rate),
        "lone": Schedule(sizes.servers_lone, rate_per_second=LONE_RATE),
    }.items():
        run = bench.run(bench.transfers(world, "uniform", schedule))
        bench.say(f"{' and '.join(map(' '.join, versions.items()))}: {name}: {describe(run)}")
        found[name] = {key: value for key, value in run.as_json().items() if key in _KEPT}
        found["problems"] += run.problems
    return found
