"""Long loads: beside a transaction that is held open, and for the memory."""

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.agents.load import Schedule
from benchmarks.bench import Bench, Results
from benchmarks.scenarios.transfers import describe
from benchmarks.watch import Watch

COUNT_MAX = 10_000_000
LOOKS_COUNT = 20


def _run(bench: Bench, seconds: float) -> Results:
    """As many transfers as can be done in a time, so many of them under way at any moment."""
    world = bench.world()
    schedule = Schedule(COUNT_MAX, seconds_max=seconds, outstanding_max=bench.sizes.outstanding_max)
    with Watch(bench.authority, bench.meter, seconds / LOOKS_COUNT) as watch:
        run = bench.run(bench.transfers(world, "uniform", schedule), lambda _: watch.start())
    bench.say(describe(run))
    return {**run.as_json(), "timeline": watch.timeline(run.load)}


def held(bench: Bench) -> Results:
    """The same load twice: without, and (longer) beside a transaction that keeps its snapshot."""
    seconds = bench.sizes.held_seconds
    free = _run(bench, bench.sizes.free_seconds)
    with _held_transaction(bench):
        beside = _run(bench, seconds)
        dead_rows = _dead_rows(bench)
    run = {
        "held_seconds": seconds,
        "ratio": beside["per_second"] / max(free["per_second"], 1e-9),
        "cost_ratio": beside["cpu_ms_total"] / max(free["cpu_ms_total"], 1e-9),
        "dead_rows": dead_rows,
        "free": free,
        "beside": beside,
        "problems": free["problems"] + beside["problems"],
    }
    bench.say(
        f"{run['ratio']:.2f} times as fast beside it, at {run['cost_ratio']:.2f} times the cost"
    )
    return {"runs": [run]}


@contextmanager
def _held_transaction(bench: Bench) -> Iterator[None]:
    with bench.addresses.connect() as connection:
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        # It has a snapshot, and an id of its own.
        connection.execute("SELECT count(*), txid_current() FROM account")
        yield
        connection.execute("ROLLBACK")


def _dead_rows(bench: Bench) -> dict[str, int]:
    """How many dead rows each table is believed to have, without those that have none."""
    with bench.addresses.connect() as connection:
        rows = connection.execute(
            "SELECT relname, n_dead_tup FROM pg_stat_user_tables WHERE n_dead_tup > 0"
        ).fetchall()
    return dict(rows)


def memory(bench: Bench) -> Results:
    """The memory of each worker process over time, under the highest load."""
    return {"runs": [_run(bench, bench.sizes.memory_seconds)]}
