"""What the slowest transfers wait for: one thing at a time is switched, and the same load repeated.

What makes a database or a broker unsafe is switched off only to see what it costs.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from psycopg import sql

from agentkit.keys import ACCOUNTS_IN
from agentkit.processes import program_command
from agentkit.waiting import wait_until
from benchmarks.agents.load import EchoLoad, Schedule
from benchmarks.agents.process import Driver
from benchmarks.authority import OBSERVER_QUEUE, Authority
from benchmarks.bench import Bench, Results
from benchmarks.readiness import await_silence
from benchmarks.scenarios.comparisons import in_turn
from benchmarks.scenarios.curve import at_rate, times_of
from benchmarks.scenarios.transfers import describe
from benchmarks.settings import DEFAULTS, SETTINGS
from benchmarks.usage import Queued, queued_between, read_queued

USUAL: Final = "usual"
FEW, MANY, HALF = "few", "many", "half"
RATES: Final[Mapping[str, float | None]] = {FEW: 100.0, MANY: 500.0, HALF: None}
"""Transfers in a second; None is half of what a burst reaches."""
_APPLIED_SECONDS_MAX: Final = 10.0
Switch = Callable[[Bench], AbstractContextManager[object]]
ECHO: Final = "the driver and the broker alone"


@contextmanager
def _nothing(_bench: Bench) -> Iterator[None]:
    yield


def _server(**values: str) -> Switch:
    """Other settings of PostgreSQL's server, which it takes over while it runs."""

    @contextmanager
    def switch(bench: Bench) -> Iterator[None]:
        usual = _set(bench, values)
        try:
            yield
        finally:
            _set(bench, usual)

    return switch


def _set(bench: Bench, values: Mapping[str, str]) -> dict[str, str]:
    """Returns what they were before."""
    before = {}
    with bench.addresses.connect() as connection:
        for name, value in values.items():
            before[name] = _shown(bench, name)
            statement = sql.SQL("ALTER SYSTEM SET {} = {}")
            connection.execute(statement.format(sql.Identifier(name), sql.Literal(value)))
        connection.execute("SELECT pg_reload_conf()")
    for name, value in values.items():

        def is_applied(name: str = name, value: str = value) -> bool:
            return _shown(bench, name) == value

        wait_until(is_applied, _APPLIED_SECONDS_MAX, f"{name} is {value}")
    return before


def _shown(bench: Bench, name: str) -> str:
    with bench.addresses.connect() as connection:
        row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
    assert row is not None
    return str(row[0])


def _checkpoint(bench: Bench) -> None:
    """Pages that are changed for the first time after it go into the WAL as a whole."""
    with bench.addresses.connect() as connection:
        connection.execute("CHECKPOINT")


@contextmanager
def _without_collector(bench: Bench) -> Iterator[None]:
    """Python's garbage collector is off in all processes."""
    folder = bench.authority.folder / "without_collector"
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text("import gc\n\ngc.disable()\n", encoding="utf-8")
    settings = {**SETTINGS[DEFAULTS], "PYTHONPATH": str(folder.absolute())}
    with bench.replaced(Authority(bench.addresses, folder, settings)):
        yield


@contextmanager
def _classic_queues(bench: Bench) -> Iterator[None]:
    """The shard's queue and the agents' are classic ones, whose confirms do not wait for the disk
    as those of quorum queues do.
    """
    _declare(bench, "classic")
    try:
        yield
    finally:
        _declare(bench, "quorum")


def _declare(bench: Bench, queue_type: str) -> None:
    """Make both queues anew."""
    bench.drain()
    authority = bench.authority
    authority.stop()
    await_silence(authority)
    for queue in (authority.queue, OBSERVER_QUEUE):
        authority.broker.channel.queue_delete(queue)
    if queue_type == "quorum":
        authority.execute(program_command("subscribe"))
    else:
        authority.broker.declare_queue(authority.queue, **{"x-queue-type": queue_type})
        authority.broker.channel.queue_bind(authority.queue, ACCOUNTS_IN, authority.realm)
    authority.declare_observer(queue_type)
    authority.start()


SWITCHES: Final[Mapping[str, tuple[str, Switch]]] = {
    USUAL: ("as it is", _nothing),
    "checkpoint": ("… right after a checkpoint", _nothing),
    "images": ("… and `full_page_writes = off`", _server(full_page_writes="off")),
    "compression": ("… and `wal_compression = lz4`", _server(wal_compression="lz4")),
    "autovacuum": ("`autovacuum = off`", _server(autovacuum="off")),
    "commit": ("`synchronous_commit = off`: no commit waits", _server(synchronous_commit="off")),
    "fsync": ("`fsync = off`: nor does WAL, nor a checkpoint", _server(fsync="off")),
    "classic": ("classic queues: no confirm waits for the disk", _classic_queues),
    "collector": ("Python's garbage collector is off", _without_collector),
}
_AFTER_CHECKPOINT: Final = ("checkpoint", "images", "compression")


def causes(bench: Bench) -> Results:
    """Three open loads, again and again, each time with one thing switched; and messages that go
    from the driver by the broker to the driver.
    """
    bench.world()
    runs = []
    for number in range(bench.runs_count):
        burst = bench.run(
            bench.transfers(bench.world(), "uniform", Schedule(bench.sizes.burst_count))
        )
        bench.say(f"burst: {describe(burst)}")
        half = burst.load.per_second / 2
        run: Results = {"problems": [*burst.problems], ECHO: _echoes(bench, half)}
        for name in in_turn(list(SWITCHES), number):
            run[name] = _measure(bench, name, half, run["problems"])
        runs.append(run)
    return {"runs": runs}


def _measure(bench: Bench, name: str, half: float, problems: list[str]) -> Results:
    words, switch = SWITCHES[name]
    found: Results = {}
    with switch(bench):
        for place, rate in RATES.items():
            if name in _AFTER_CHECKPOINT:
                _checkpoint(bench)
            found[place] = _load(bench, words, rate or half, problems)
    return found


def _load(bench: Bench, words: str, rate: float, problems: list[str]) -> Results:
    samples: list[tuple[Queued, int]] = []

    def look(_driver: object = None) -> None:
        samples.append((read_queued(), _wal_bytes(bench)))

    run = at_rate(bench, rate, bench.sizes.causes_seconds, look, look)
    bench.say(f"{words}: {describe(run)}")
    problems += run.problems
    (queued, wal), (queued_then, wal_then) = samples
    return {
        **times_of(run),
        "core_wait_ms": 1000 * queued_between(queued, queued_then) / run.load.count,
        "wal_bytes": (wal_then - wal) / run.load.count,
    }


def _wal_bytes(bench: Bench) -> int:
    """How much WAL there has been."""
    with bench.addresses.connect() as connection:
        statement = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"
        row = connection.execute(statement).fetchone()
    assert row is not None
    return int(row[0])


def _echoes(bench: Bench, half: float) -> Results:
    """What the driver itself, and one hop over the broker, add: no authority takes part."""
    found: Results = {}
    transport = bench.transport
    for place, rate in RATES.items():
        each = rate or half
        schedule = Schedule(max(round(each * bench.sizes.causes_seconds), 1), rate_per_second=each)
        load = EchoLoad(schedule, bench.sizes.timeout_seconds)
        with Driver(transport.broker_url, transport.queue, load, transport.queue) as driver:
            driver.start()
            driver.wait()
            transport.finish(driver.sentinel_number)
            result = driver.finish()
        bench.note(result.problems)
        found[place] = {"latencies": {n: h.as_json() for n, h in result.latencies.items()}}
    return found
