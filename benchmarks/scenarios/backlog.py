"""What a transfer costs when much is queued, and when there are many accounts."""

from agentkit.waiting import wait_until
from benchmarks.agents.load import Schedule, account
from benchmarks.agents.process import Driver
from benchmarks.bench import START_AMOUNT, Bench, Results, Run, World
from benchmarks.scenarios.transfers import describe

STAGE = "process_transfer_requests"
QUEUE_TABLE = "transfer_request"
FILL_SECONDS_MAX = 300.0


def backlog(bench: Bench) -> Results:
    """The preparing stage is halted while the queue of requests fills, then goes on.

    The whole cost of a transfer, with many queued requests and with few.
    """
    world = bench.world()
    runs = []
    for _ in range(bench.runs_count):
        few = [
            _with_backlog(bench, world, bench.sizes.backlog_few)
            for _ in range(bench.sizes.backlog_few_rounds)
        ]
        bench.say(f"{bench.sizes.backlog_few:,} queued: {describe(few[-1])}")
        many = _with_backlog(bench, world, bench.sizes.backlog_many)
        bench.say(f"{bench.sizes.backlog_many:,} queued: {describe(many)}")
        runs.append(_compare(few, [many]))
    return {"runs": runs}


def _with_backlog(bench: Bench, world: World, count: int) -> Run:
    with bench.authority.halted(STAGE) as go_on:

        def await_backlog(_: Driver) -> None:
            with bench.addresses.connect() as connection:
                statement = f"SELECT count(*) FROM {QUEUE_TABLE}"

                def is_full() -> bool:
                    row = connection.execute(statement).fetchone()
                    return row is not None and row[0] >= count

                wait_until(is_full, FILL_SECONDS_MAX, f"{count} requests are queued")
            go_on()

        return bench.run(bench.transfers(world, "uniform", Schedule(count)), await_backlog)


def _compare(few: list[Run], many: list[Run]) -> Results:
    results = {"few": _pool(few), "many": _pool(many)}
    few_ms = results["few"]["cpu_ms_total"]
    return {
        **results,
        "ratio": results["many"]["cpu_ms_total"] / few_ms if few_ms else 0.0,
        "problems": [p for run in (*few, *many) for p in run.problems],
    }


def _pool(runs: list[Run]) -> Results:
    """Several runs of the same thing as one, which is large enough to be measured."""
    count = max(sum(run.load.count for run in runs), 1)
    roles = runs[0].usage.roles
    cpu_ms = {r: 1000 * sum(run.usage.roles[r] for run in runs) / count for r in roles}
    return {
        "count": count,
        "per_second": count / max(sum(run.load.seconds for run in runs), 1e-9),
        "cpu_ms": cpu_ms,
        "cpu_ms_total": 1000 * sum(run.usage.total for run in runs) / count,
    }


def accounts(bench: Bench) -> Results:
    """Transfers between a few accounts, and between very many."""
    worlds = [
        world_by_sql(bench, count)
        for count in (bench.sizes.accounts_few, bench.sizes.accounts_many)
    ]
    runs = []
    for _ in range(bench.runs_count):
        measured: list[list[Run]] = []
        for world in worlds:
            schedule = Schedule(bench.sizes.accounts_transfers)
            run = bench.run(bench.transfers(world, "uniform", schedule))
            bench.say(f"{world.accounts_count:,} accounts: {describe(run)}")
            measured.append([run])
        runs.append(_compare(*measured))
    return {"runs": runs}


def world_by_sql(bench: Bench, count: int) -> World:
    """So many accounts with money: to open a million of them by messages takes too long."""
    bench.say(f"inserting {count:,} accounts")
    debtor_id = bench.new_debtor()
    with bench.addresses.connect() as connection:
        connection.execute(
            "INSERT INTO account_key SELECT %s, %s + n FROM generate_series(0, %s - 1) AS n",
            [debtor_id, account(0), count],
        )
        connection.execute(
            "INSERT INTO account (debtor_id, creditor_id, creation_date, last_change_ts,"
            " last_interest_capitalization_ts, last_transfer_id, principal, last_config_ts,"
            " last_heartbeat_ts)"
            " SELECT %(debtor_id)s, %(first)s + n, now(), now(), now(),"
            " (now()::date - date '1970-01-01')::bigint << 40, %(amount)s, now(), now()"
            " FROM generate_series(0, %(count)s - 1) AS n",
            {
                "debtor_id": debtor_id,
                "first": account(0),
                "amount": START_AMOUNT,
                "count": count,
            },
        )
        connection.execute(
            "UPDATE account SET principal = -%s WHERE debtor_id = %s AND creditor_id = 0",
            [START_AMOUNT * count, debtor_id],
        )
        # As autovacuum does in time.
        connection.execute("VACUUM (ANALYZE) account")
    return World(debtor_id, count)
