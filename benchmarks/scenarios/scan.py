"""Transfers beside the scan of very many accounts."""

from collections.abc import Callable

from benchmarks.agents.load import Schedule
from benchmarks.bench import Bench, Results, Run, World
from benchmarks.scenarios.backlog import world_by_sql
from benchmarks.scenarios.comparisons import in_turn
from benchmarks.scenarios.transfers import describe

SCAN = "scan_accounts"
# At the quick pace, the scan takes as many pages a second as with so many accounts at the usual.
QUICK_PACE_COUNT = 100_000_000


def scan(bench: Bench) -> Results:
    """The same load without the accounts scan, beside it, and beside a quick pass.

    Among the accounts are as many with a due heartbeat as a pass meets at the usual pace.
    """
    world = world_by_sql(bench, bench.sizes.scan_accounts)
    quick_hours = _pass_hours(bench) * _accounts_count(bench) / QUICK_PACE_COUNT
    measures: dict[str, Callable[[], Run]] = {
        "without": lambda: _without(bench, world),
        "usual": lambda: _beside(bench, world),
        "quick": lambda: _beside(bench, world, "--hours", f"{quick_hours:.9f}"),
    }
    names = list(measures)
    runs = []
    for number in range(bench.runs_count):
        measured = {}
        for name in in_turn(names, number):
            _refresh(bench, world)
            measured[name] = measures[name]()
            bench.say(f"{name}: {describe(measured[name])}")
        run = {"quick_hours": quick_hours, **_compare(measured)}
        bench.say(
            f"{run['ratio']:.2f} times as fast beside the quick pass,"
            f" which takes {run['extra_cores']:.3f} cores"
        )
        runs.append(run)
    bench.drain()
    return {"runs": runs}


def _pass_hours(bench: Bench) -> float:
    return bench.authority.settings.app_accounts_scan_hours


def _accounts_count(bench: Bench) -> int:
    """Of all debtors: the scan looks at all of them."""
    with bench.addresses.connect() as connection:
        row = connection.execute("SELECT count(*) FROM account").fetchone()
    assert row is not None
    return int(row[0])


def _refresh(bench: Bench, world: World) -> None:
    """Let no update be pending from the last run, and the same accounts be due for a heartbeat."""
    days = bench.authority.settings.app_account_heartbeat_days
    with bench.addresses.connect() as connection:
        connection.execute(
            "UPDATE account SET pending_account_update = false, last_heartbeat_ts ="
            "  CASE WHEN creditor_id %% %(due_every)s = 0"
            "  THEN now() - 1.1 * %(heartbeat)s::interval ELSE now() END"
            " WHERE debtor_id = %(debtor_id)s AND (pending_account_update OR"
            "  creditor_id %% %(due_every)s = 0 AND"
            "  last_heartbeat_ts > now() - %(heartbeat)s::interval)",
            {
                "debtor_id": world.debtor_id,
                "due_every": max(round(24 * days / _pass_hours(bench)), 1),
                "heartbeat": f"{days} days",
            },
        )
        connection.execute("VACUUM (ANALYZE) account")


def _run(bench: Bench, world: World) -> Run:
    """A number of transfers, so many of them under way at any moment."""
    schedule = Schedule(bench.sizes.scan_transfers, outstanding_max=bench.sizes.outstanding_max)
    # What a scan sends while the books are compared would be something left over.
    return bench.run(
        bench.transfers(world, "uniform", schedule), at_end=lambda: bench.authority.halt(SCAN)
    )


def _without(bench: Bench, world: World) -> Run:
    with bench.authority.halted(SCAN):
        return _run(bench, world)


def _beside(bench: Bench, world: World, *arguments: str) -> Run:
    """A scan that begins anew knows the size of the table."""
    with bench.authority.restarted(SCAN, *arguments):
        return _run(bench, world)


def _compare(measured: dict[str, Run]) -> Results:
    results = {name: run.as_json() for name, run in measured.items()}
    without = results["without"]
    return {
        **results,
        **_differences(results["quick"], without),
        "usual_differences": _differences(results["usual"], without),
        "problems": [p for run in measured.values() for p in run.problems],
    }


def _differences(beside: Results, without: Results) -> Results:
    """How much faster a load was beside a scan, and how many cores it took more."""
    extra_ms = beside["cpu_ms_total"] - without["cpu_ms_total"]
    return {
        "ratio": beside["per_second"] / max(without["per_second"], 1e-9),
        "extra_cores": extra_ms * beside["per_second"] / 1000,
    }
