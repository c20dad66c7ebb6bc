"""An authority of one shard, of two, and of four."""

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import product
from pathlib import Path

from agentkit.keys import ROOT_CREDITOR_ID
from agentkit.shards import shard_settings
from benchmarks.addresses import Addresses
from benchmarks.agents.load import Load, Pattern, Schedule, account
from benchmarks.authority import Authority
from benchmarks.bench import Bench, Results, World
from benchmarks.fetch_front import FetchFront
from benchmarks.scenarios.transfers import describe

BITS = {1: 0, 2: 1, 4: 2}
"""By the number of shards: how many bits of a routing key tell them apart."""

# The command that asks the fetch API.
_ASKING = "process_transfer_requests"
# From one shard to another: to recipients about whom nobody has asked; about whom nearly all have;
# about whom nobody has asked, behind a cache. And the names of what that costs beside one within.
_ACROSS = {"across": "ratio", "across, known": "ratio_known", "across, cached": "ratio_cached"}
# So many transfers ask about nearly all, in bursts.
_ASKING_BURSTS_COUNT = 3


def shards(bench: Bench) -> Results:
    """Bursts of transfers within shards, and of transfers from one shard to another.

    All shards are on this machine, and share its servers; each has a database of its own. The
    fetch API of all is behind one nginx, which keeps nothing at first, and in the end what it may.
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
    folder = bench.authority.folder
    with (
        FetchFront(folder / f"{name}_front") as front,
        bench.addresses.with_vhost(name) as addresses,
        _shards(folder, addresses, count, front.url) as made,
        bench.replaced(*made),
    ):
        accounts_count = bench.sizes.accounts_count
        debtor_id = random.getrandbits(60)
        creditor_ids = [ROOT_CREDITOR_ID, *map(account, range(accounts_count))]
        front.start(made, debtor_id, creditor_ids)
        world = bench.new_world(accounts_count, debtor_id)
        found = {"within": _burst(bench, world, "within", count, front)}
        for pattern in _ACROSS if count > 1 else ():
            if pattern == "across, known":
                asking = Schedule(_ASKING_BURSTS_COUNT * bench.sizes.burst_count)
                bench.run(bench.transfers(world, "across", asking, BITS[count]))
            else:
                for shard in made:
                    # it remembers whom it has asked about
                    shard.restart(_ASKING)
            if pattern == "across, cached":
                front.begin_to_cache()
            found[pattern] = _burst(bench, world, "across", count, front)
    result: Results = {"problems": [p for one in found.values() for p in one["problems"]], **found}
    alone = found["within"]["cpu_ms_total"]
    for pattern, key in _ACROSS.items():
        if pattern in found and alone:
            result[key] = found[pattern]["cpu_ms_total"] / alone
            bench.say(f"{count} shards, {pattern}: {result[key]:.2f} times the cost of one within")
    return result


@contextmanager
def _shards(
    folder: Path, addresses: Addresses, count: int, proxy_url: str
) -> Iterator[list[Authority]]:
    made = []
    with ExitStack() as stack:
        for bits in product("01", repeat=BITS[count]):
            name = "_".join((addresses.vhost, *bits))
            own = stack.enter_context(addresses.with_database(name))
            settings = shard_settings(name, ".".join((*bits, "#")))
            settings["FETCH_API_URL"] = proxy_url
            shard = Authority(own, folder / name, settings)
            shard.prepare()
            made.append(shard)
        yield made


def _burst(bench: Bench, world: World, pattern: Pattern, count: int, front: FetchFront) -> Results:
    def load(transfers_count: int) -> Load:
        return bench.transfers(world, pattern, Schedule(transfers_count), BITS[count])

    bench.run(load(bench.sizes.warm_up_count))
    front.forget()
    cpu_seconds = front.cpu_seconds
    run = bench.run(load(bench.sizes.burst_count))
    front_ms = 1000 * (front.cpu_seconds - cpu_seconds) / max(run.load.count, 1)
    asked = front.asked()
    bench.say(
        f"{count} shards, {pattern}: {describe(run)}; {asked.count:,} questions to the fetch API in"
        f" {asked.requests_count:,} requests: {asked.repeated_count:,} questions were repeated, and"
        f" the cache answered {asked.cached_count:,} requests;"
        f" nginx {front_ms:.3f} ms"
    )
    result = run.as_json()
    del result["statements"]  # of one of the databases
    return {
        **result,
        "questions_each": asked.count / max(run.load.count, 1),
        "requests_each": asked.requests_count / max(run.load.count, 1),
        "asked_before_share": asked.repeated_count / max(asked.count, 1),
        "cached_share": asked.cached_count / max(asked.count, 1),
        "front_ms": front_ms,
    }
