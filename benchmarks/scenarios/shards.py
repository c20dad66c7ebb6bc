"""An authority of one shard, of two, and of four."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import product
from pathlib import Path

from agentkit.fetch_proxy import FetchProxy
from benchmarks.addresses import Addresses
from benchmarks.agents.load import Load, Pattern, Schedule
from benchmarks.authority import Authority
from benchmarks.bench import Bench, Results, World
from benchmarks.scenarios.transfers import describe

BITS = {1: 0, 2: 1, 4: 2}
"""By the number of shards: how many bits of a routing key tell them apart."""


def shards(bench: Bench) -> Results:
    """Bursts of transfers within shards, and of transfers from one shard to another.

    All shards are on this machine, and share its servers; each has a database of its own. The
    fetch API of all is behind one proxy, which keeps nothing.
    """
    bench.drain()
    runs = []
    for number in range(bench.runs_count):
        measured = {str(count): _measure(bench, count, number) for count in BITS}
        problems = [p for one in measured.values() for p in one["problems"]]
        runs.append({**measured, "problems": problems})
    return {"runs": runs}


def _measure(bench: Bench, count: int, number: int) -> Results:
    name = f"{bench.addresses.vhost}_{count}_shards_{number}"
    with (
        closing(FetchProxy()) as proxy,
        bench.addresses.with_vhost(name) as addresses,
        _shards(bench.authority.folder, addresses, count, proxy.url) as made,
        bench.replaced(*made),
    ):
        proxy.shards = made
        world = bench.new_world(bench.sizes.accounts_count)
        found: dict[str, Results] = {
            pattern: _burst(bench, world, pattern, count, proxy) for pattern in _patterns(count)
        }
    result: Results = {"problems": [p for one in found.values() for p in one["problems"]], **found}
    if "across" in found and found["within"]["cpu_ms_total"]:
        result["ratio"] = found["across"]["cpu_ms_total"] / found["within"]["cpu_ms_total"]
        bench.say(f"{count} shards: a transfer across costs {result['ratio']:.2f} times as much")
    return result


def _patterns(count: int) -> tuple[Pattern, ...]:
    return ("within",) if count == 1 else ("within", "across")


@contextmanager
def _shards(
    folder: Path, addresses: Addresses, count: int, proxy_url: str
) -> Iterator[list[Authority]]:
    made = []
    with ExitStack() as stack:
        for bits in product("01", repeat=BITS[count]):
            name = "_".join((addresses.vhost, *bits))
            own = stack.enter_context(addresses.with_database(name))
            settings = {
                "PROTOCOL_BROKER_QUEUE": name,
                "PROTOCOL_BROKER_QUEUE_ROUTING_KEY": ".".join((*bits, "#")),
                "CHORES_BROKER_QUEUE": f"{name}_chores",
                "FETCH_API_URL": proxy_url,
            }
            shard = Authority(own, folder / name, settings)
            shard.prepare()
            made.append(shard)
        yield made


def _burst(bench: Bench, world: World, pattern: Pattern, count: int, proxy: FetchProxy) -> Results:
    def load(transfers_count: int) -> Load:
        return bench.transfers(world, pattern, Schedule(transfers_count), BITS[count])

    bench.run(load(bench.sizes.warm_up_count))
    del proxy.paths[:]
    run = bench.run(load(bench.sizes.burst_count))
    questions_each = len(proxy.paths) / max(run.load.count, 1)
    repeated = len(proxy.paths) - len(set(proxy.paths))
    asked_before_share = repeated / max(len(proxy.paths), 1)
    bench.say(
        f"{count} shards, {pattern}: {describe(run)}; {questions_each:.2f} questions to the fetch"
        f" API each, of which a cache would answer {asked_before_share:.0%}"
    )
    result = run.as_json()
    del result["statements"]  # of one of the databases
    return {
        **result,
        "questions_each": questions_each,
        "asked_before_share": asked_before_share,
    }
