"""What an account and a transfer leave on the disk, in the WAL and on the network."""

import random
from dataclasses import asdict
from statistics import mean

from agentkit.messages import balance_change
from agentkit.waiting import wait_until
from benchmarks.agents.load import Schedule, TransferLoad, account
from benchmarks.authority import OBSERVER_QUEUE
from benchmarks.bench import Bench, Results, World, noise_json
from benchmarks.checking import settle
from benchmarks.database_sizes import DatabaseSizes, TableSize
from benchmarks.scenarios.backlog import world_by_sql
from benchmarks.scenarios.scan import SCAN
from benchmarks.scenarios.transfers import describe
from benchmarks.usage import difference
from benchmarks.wire_sizes import body_sizes, copies, loopback_bytes

ACCOUNT_TABLES = ("account", "account_key")
ARCHIVE = "registered_balance_change"
ARCHIVE_ROUNDS = 5
WEIGHED_TRANSFERS = 50
UPDATES_PER_SECOND = 1_000
"""In this time the scan is to find the accounts whose updates are pending."""
UPDATES_SECONDS_MAX = 600.0


def sizes(bench: Bench) -> Results:
    """Bytes of an account, of a transfer, of the archive and of messages; the time of a restore.

    The WAL is that of the whole server, and the network the loopback interface: nobody else may
    use them.
    """
    database = DatabaseSizes(bench.addresses)
    few = bench.world()
    before = _account_sizes(database)
    many = world_by_sql(bench, bench.sizes.sizes_accounts)
    fresh = {
        name: _grown(before[name], size, many.accounts_count)
        for name, size in _account_sizes(database).items()
    }
    row_bytes = float(database.ask("account", debtor_id=many.debtor_id)[0][0])
    runs = [_measure(bench, database, few, many) for _ in range(bench.runs_count)]
    return {
        "accounts_count": many.accounts_count,
        "account_bytes": fresh,
        "account_row_bytes": row_bytes,
        "accounts_per_page": database.number("page_bytes") / fresh["account"]["table"],
        "situation": database.situation(),
        "runs": runs,
    }


def _account_sizes(database: DatabaseSizes) -> dict[str, TableSize]:
    return database.tables(*ACCOUNT_TABLES)


def _grown(before: TableSize, after: TableSize, count: int) -> Results:
    """In bytes of each of so many."""
    return {
        "table": (after.table - before.table) / count,
        "indexes": (after.indexes - before.indexes) / count,
        "total": (after.total - before.total) / count,
    }


def _measure(bench: Bench, database: DatabaseSizes, few: World, many: World) -> Results:
    run: Results = {"problems": []}
    run["messages"] = _weigh_messages(bench, few, run)
    run["few"] = _transfers_of_few(bench, database, few, run)
    before = _account_sizes(database)
    run["many"] = _transfers_of_many(bench, database, many, run)
    run["update"] = _account_updates(bench, database)
    touched = run["update"]["count"]
    run["worn"] = {
        name: _grown(before[name], size, touched) for name, size in _account_sizes(database).items()
    }
    run["vacuum"] = _vacuum(database)
    run["archive"] = _archive(bench, database)
    run["restore"] = asdict(database.restore(bench.authority.folder))
    bench.say(
        f"WAL of a transfer {run['few']['wal_bytes']:,.0f} bytes, after a checkpoint among many"
        f" accounts {run['many']['wal_bytes']:,.0f};"
        f" of an AccountUpdate {run['update']['wal_bytes']:,.0f};"
        f" {run['archive']['bytes']:,.0f} bytes of the archive a credit from another shard;"
        f" restored in {run['restore']['restore_seconds']:.1f} s"
    )
    return run


# -- transfers ------------------------------------------------------------------


def _weigh_messages(bench: Bench, world: World, run: Results) -> Results:
    """How many messages of each type a transfer has, and how many bytes are in each."""
    with copies(bench.authority):
        load = bench.run(bench.transfers(world, "uniform", Schedule(WEIGHED_TRANSFERS)))
        bodies = body_sizes(bench.authority)
    run["problems"] += load.problems
    return {
        name: {"count": len(found) / WEIGHED_TRANSFERS, "bytes": mean(found)}
        for name, found in sorted(bodies.items())
    }


def _transfers_of_few(bench: Bench, database: DatabaseSizes, world: World, run: Results) -> Results:
    """All pages of these accounts have their image in the WAL already: a burst before saw to it."""
    database.checkpoint()
    run["problems"] += bench.run(_burst(bench, world)).problems
    network_before = loopback_bytes()
    measured = _wal_of_burst(bench, database, world, run)
    network_bytes = (loopback_bytes() - network_before) / measured["count"]
    handled_bytes, handled_count = database.ask("handled")[0]
    return {
        **measured,
        "network_bytes": network_bytes,
        "digest_bytes": handled_bytes / max(handled_count, 1),
    }


def _transfers_of_many(
    bench: Bench, database: DatabaseSizes, world: World, run: Results
) -> Results:
    """After a checkpoint: pages that are changed for the first time go into the WAL as a whole."""
    with bench.authority.halted(SCAN):
        database.checkpoint()
        return {
            **_wal_of_burst(bench, database, world, run),
            "accounts_count": world.accounts_count,
        }


def _burst(bench: Bench, world: World) -> TransferLoad:
    return bench.transfers(world, "uniform", Schedule(bench.sizes.burst_count))


def _wal_of_burst(bench: Bench, database: DatabaseSizes, world: World, run: Results) -> Results:
    before = database.number("written")
    load = bench.run(_burst(bench, world))
    written = database.number("written") - before
    run["problems"] += load.problems
    bench.say(describe(load))
    count = load.load.count
    return {
        "count": count,
        "wal_bytes": written / count,
        "per_second": load.load.per_second,
        "cpu_ms_total": 1000 * load.usage.total / count,
        **noise_json(load.usage, load.wall_seconds),
    }


# -- accounts -------------------------------------------------------------------


def _account_updates(bench: Bench, database: DatabaseSizes) -> Results:
    """The scan sends the pending updates of the accounts that the burst has changed."""
    database.checkpoint()
    seconds = max(database.number("pending") / UPDATES_PER_SECOND, 2.0)
    with bench.authority.restarted(SCAN, "--hours", f"{seconds / 3600:.9f}"):
        before = bench.meter.sample()
        count = database.number("pending")
        written_before = database.number("written")
        wait_until(
            lambda: database.number("pending") == 0, UPDATES_SECONDS_MAX, "all updates are sent"
        )
        settle(bench.authorities)
        written = database.number("written") - written_before
        usage = difference(before, bench.meter.sample())
    body_bytes = _first_update_bytes(bench)
    bench.drain()
    return {
        "count": count,
        "wal_bytes": written / max(count, 1),
        "cpu_ms": {role: 1000 * s / max(count, 1) for role, s in usage.roles.items()},
        "message_bytes": body_bytes,
    }


def _first_update_bytes(bench: Bench) -> int:
    while (message := bench.authority.broker.get(OBSERVER_QUEUE)) is not None:
        if message.type == "AccountUpdate":
            return len(message.body)
    return 0


def _vacuum(database: DatabaseSizes) -> Results:
    """Of the table of accounts, after the load. Autovacuum may have been there before."""
    size = database.tables("account")["account"]
    count, dead = database.number("accounts"), database.number("dead")
    before = database.number("written")
    seconds = database.vacuum("account")
    written = database.number("written") - before
    return {
        "accounts_count": count,
        "dead_rows": dead,
        "seconds": seconds,
        "bytes": size.total,
        "wal_bytes": written,
    }


# -- the archive ----------------------------------------------------------------


def _archive(bench: Bench, database: DatabaseSizes) -> Results:
    """Credits from another shard, in rounds, with a vacuum after each, as autovacuum does in time.

    What the first round leaves free, the others use, so it is not counted.
    """
    world = world_by_sql(bench, bench.sizes.accounts_few)
    in_round = bench.sizes.archived_count // ARCHIVE_ROUNDS
    shuffled = random.Random(world.debtor_id)
    found = []
    written = 0
    for number in range(ARCHIVE_ROUNDS):
        before = database.number("written")
        for n in range(number * in_round, (number + 1) * in_round):
            recipient = account(shuffled.randrange(world.accounts_count))
            bench.authority.send(
                balance_change(
                    world.debtor_id, recipient, shuffled.getrandbits(40), 1, change_id=n + 1
                )
            )
        _wait_until_archived(database, world, (number + 1) * in_round)
        bench.drain()
        written += database.number("written") - before
        database.vacuum(ARCHIVE)
        found.append(database.tables(ARCHIVE)[ARCHIVE])
    counted = in_round * (ARCHIVE_ROUNDS - 1)
    return {
        "count": in_round * ARCHIVE_ROUNDS,
        "bytes": (found[-1].total - found[0].total) / counted,
        "wal_bytes": written / (in_round * ARCHIVE_ROUNDS),
    }


def _wait_until_archived(database: DatabaseSizes, world: World, count: int) -> None:
    wait_until(
        lambda: database.number("archived", debtor_id=world.debtor_id) == count,
        UPDATES_SECONDS_MAX,
        "all credits are applied",
    )
