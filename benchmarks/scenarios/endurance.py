"""Long loads: beside a transaction that is held open, and for the memory."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from benchmarks.agents.load import Schedule, TransferLoad
from benchmarks.bench import Bench, Results, Run
from benchmarks.memory import read_all
from benchmarks.scenarios.transfers import describe

COUNT_MAX = 10_000_000
SAMPLES_COUNT = 60


def held(bench: Bench) -> Results:
    """The same load twice: without, and beside a transaction that keeps its snapshot."""
    seconds = bench.sizes.held_seconds
    free = bench.run(_endless(bench, seconds))
    bench.say(f"without: {describe(free)}")
    with _held_transaction(bench):
        beside = bench.run(_endless(bench, seconds))
        dead_rows = _dead_rows(bench)
    bench.say(f"beside it: {describe(beside)}")
    ratio = beside.load.per_second / free.load.per_second if free.load.per_second else 0.0
    return {
        "runs": [
            {
                "held_seconds": seconds,
                "ratio": ratio,
                "dead_rows": dead_rows,
                "free": free.as_json(),
                "beside": beside.as_json(),
                "problems": free.problems + beside.problems,
            }
        ]
    }


def _endless(bench: Bench, seconds: float) -> TransferLoad:
    """As many transfers as can be done in a time."""
    schedule = Schedule(COUNT_MAX, seconds_max=seconds, outstanding_max=bench.sizes.outstanding_max)
    return bench.transfers(bench.world(), "uniform", schedule)


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
    seconds = bench.sizes.memory_seconds
    load = _endless(bench, seconds)
    samples: list[Results] = []
    stop = threading.Event()
    started_at = monotonic()

    def observe() -> None:
        while not stop.is_set():
            found = read_all(bench.authority)
            samples.append(
                {
                    "at_seconds": monotonic() - started_at,
                    "resident": {name: m.resident for name, m in found.items()},
                }
            )
            stop.wait(seconds / SAMPLES_COUNT)

    observer = threading.Thread(target=observe)
    observer.start()
    try:
        run: Run = bench.run(load)
    finally:
        stop.set()
        observer.join()
    bench.say(describe(run))
    return {"runs": [{**run.as_json(), "samples": samples}]}
