"""The split of a shard."""

import itertools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from subprocess import STDOUT, run
from sys import executable
from time import monotonic, sleep
from typing import Final

from agentkit.fetch_proxy import FetchProxy
from agentkit.processes import ROOT, migrate_command
from agentkit.shards import shard_settings
from agentkit.waiting import KitError, wait_until
from benchmarks.addresses import Addresses
from benchmarks.agents.load import Schedule
from benchmarks.agents.play import LoadResult
from benchmarks.agents.process import Driver
from benchmarks.authority import Authority
from benchmarks.bench import Bench, Results
from benchmarks.usage import Meter
from swpt_accounts.db.queries import read_queries
from swpt_accounts.db.session_checks import NOT_YET

WORLD_COUNT: Final = 1000
RATE: Final = 50.0
BEFORE_SECONDS: Final = 20.0
_START_SECONDS_MAX: Final = 120.0
_COUNT_MAX: Final = 10_000_000
# A question to the web server of the parent, which has been told to stop.
_REJECTION: Final = "RECIPIENT_IS_UNREACHABLE"
SERVICES: Final = (
    *("consume_messages", "consume_chore_messages"),
    *("process_transfer_requests", "process_finalization_requests", "process_balance_changes"),
    *("flush_messages", "scan_accounts", "scan_prepared_transfers", "webserver"),
)


@dataclass(frozen=True)
class _Shards:
    proxy: FetchProxy
    parent: Authority
    children: list[Authority]


def splitting(bench: Bench) -> Results:
    """A shard with many accounts is split while transfers are asked for at a steady rate.

    How long each step takes, and for how long an answer was waited for, before it and during it.
    """
    name = f"{bench.addresses.vhost}_split"
    with ExitStack() as stack:
        addresses = stack.enter_context(bench.addresses.with_vhost(name))
        shards = stack.enter_context(_shards(bench.authority.folder / name, addresses))
        _fill(bench, shards.parent)
        stack.enter_context(_at_work(bench, shards.parent))
        return {"runs": [_measure(bench, shards)]}


@contextmanager
def _shards(folder: Path, addresses: Addresses) -> Iterator[_Shards]:
    proxy = FetchProxy()
    with ExitStack() as stack:
        stack.callback(proxy.close)

        def make(name: str, realm: str) -> Authority:
            own = stack.enter_context(addresses.with_database(f"{addresses.vhost}_{name}"))
            settings = {**shard_settings(name, realm), "FETCH_API_URL": proxy.url}
            shard = Authority(own, folder / name, settings)
            stack.callback(shard.close)
            return shard

        parent, *children = make("parent", "#"), make("child_0", "0.#"), make("child_1", "1.#")
        parent.prepare()
        for child in children:
            child.execute(migrate_command("upgrade"))
        proxy.shards = [parent]
        yield _Shards(proxy, parent, children)


def _fill(bench: Bench, parent: Authority) -> None:
    values = {"accounts": bench.sizes.moved_accounts, "archive": bench.sizes.split_archive}
    bench.say("making {accounts:,} accounts, and {archive:,} rows of the archive".format(**values))
    with parent.addresses.connect() as connection:
        for statement in read_queries(str(ROOT / "benchmarks" / "splitting.sql")).values():
            connection.execute(statement.encode(), values if "%(" in statement else None)


@contextmanager
def _at_work(bench: Bench, parent: Authority) -> Iterator[None]:
    """The bench works with the parent, and then with its children; its own authority is idle."""
    own = bench.authorities, bench.meter
    parent.start(*SERVICES)
    bench.authorities, bench.meter = (parent,), Meter(parent)
    try:
        yield
    finally:
        bench.authorities, bench.meter = own


def _measure(bench: Bench, shards: _Shards) -> Results:
    world = bench.new_world(min(WORLD_COUNT, bench.sizes.accounts_count))
    before_count = int(RATE * min(BEFORE_SECONDS, bench.sizes.free_seconds))
    schedule = Schedule(before_count, rate_per_second=RATE)
    before = bench.run(bench.transfers(world, "uniform", schedule))
    steps: dict[str, float] = {}

    def split(driver: Driver) -> None:
        _split(bench, shards, steps)
        driver.stop()

    endless = Schedule(_COUNT_MAX, rate_per_second=RATE)
    load = bench.transfers(world, "uniform", endless, may_reject=_REJECTION)
    during = bench.run(load, split)
    _step(bench, shards, steps, "finish")
    return {
        "steps": steps,
        "before": _waits(bench, "before", before.load),
        "during": _waits(bench, "during the split", during.load),
        "rejected": during.load.messages["RejectedTransfer"],
        "problems": before.problems + during.problems,
    }


def _waits(bench: Bench, when: str, load: LoadResult) -> Results:
    answers = load.latencies["prepared"]
    median, longest = answers.percentile(50), answers.percentile(100)
    bench.say(f"{when}: {answers.count:,} answers: median {median:.3f} s, longest {longest:.2f} s")
    return {"median": median, "longest": longest}


def _split(bench: Bench, shards: _Shards, steps: dict[str, float]) -> None:
    _step(bench, shards, steps, "prepare")
    for child in shards.children:
        child.begin(*SERVICES)
    for child, name in itertools.product(shards.children, SERVICES[:-1]):
        waits = partial(_has_said, child, name)
        wait_until(waits, _START_SECONDS_MAX, f"{name} of {child.queue} waits for its turn")
    pause = min(BEFORE_SECONDS, bench.sizes.free_seconds)
    sleep(pause)
    shards.proxy.shards = shards.children
    _step(bench, shards, steps, "switch")
    for child in shards.children:
        child.wait_ready()
    shards.parent.stop()
    sleep(pause)
    bench.authorities = shards.children


def _has_said(shard: Authority, name: str) -> bool:
    return NOT_YET in shard.log(name)


def _step(bench: Bench, shards: _Shards, steps: dict[str, float], name: str) -> None:
    """Run a command of the split."""
    started_at = monotonic()
    files = [part for child in shards.children for part in ("--child", _settings_file(child))]
    done = run(
        [executable, "-m", "swpt_accounts", "shards", name, *files],
        cwd=ROOT,
        env=shards.parent.environment,
        stdout=-1,
        stderr=STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise KitError(f"shards {name}: {done.stdout}")
    steps[name] = monotonic() - started_at
    bench.say(f"{name}: {steps[name]:.1f} s")
    for line in done.stdout.splitlines():
        bench.say(f"    {line}")


def _settings_file(child: Authority) -> str:
    """The file with the settings of a child."""
    own = {"POSTGRES_URL": child.database_url}
    settings = {**shard_settings(child.queue, child.realm), **own}
    path = child.folder / "settings.env"
    path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    return str(path)
