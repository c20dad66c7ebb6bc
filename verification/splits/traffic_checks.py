"""A shard that is split under traffic: shards, agents, and what has to be true in the end."""

import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from psycopg import sql
from sqlalchemy.engine import make_url

from agentkit.coordinator import Transfer
from agentkit.currency import configuration
from agentkit.database import dsn_of, execute
from agentkit.databases import Databases
from agentkit.fetch_proxy import FetchProxy
from agentkit.outcomes import acquired_amounts, assert_sound, transfer_problems
from agentkit.shards import Shard
from agentkit.traffic import WAIT_SECONDS_MAX, Traffic
from agentkit.waiting import wait_until

ACCOUNTS_COUNT = 8
"""In the realm of each of the shards that there are in the end."""
AMOUNT = 1000
SERVICES = (
    "consume_messages",
    "process_transfer_requests",
    "process_finalization_requests",
    "process_balance_changes",
    "flush_messages",
    "webserver",
)
CHILD_SERVICES = (
    *SERVICES,
    "consume_chore_messages",
    "scan_accounts",
    "scan_prepared_transfers",
    "scan_registered_balance_changes",
)
SETTINGS = {
    "PROTOCOL_BROKER_PREFETCH_COUNT": "50",
    "APP_ACCOUNTS_SCAN_HOURS": "0.0003",
    "APP_PREPARED_TRANSFERS_SCAN_DAYS": "0.00001",
    "APP_LOG_LEVEL": "info",
}
# For a while nobody answers for the accounts of the parent: on a slow machine, for long.
FAILURES = ("INSUFFICIENT_AVAILABLE_AMOUNT", "RECIPIENT_IS_UNREACHABLE")
# The tables that have rows only while something has to be done, and the creditor who owns a row.
QUEUES = {
    "transfer_request": "creditor_id",
    "unverified_transfer_request": "creditor_id",
    "finalization_request": "creditor_id",
    "pending_balance_change": "creditor_id",
    "prepared_transfer": "creditor_id",
    "prepared_transfer_signal": "creditor_id",
    "finalized_transfer_signal": "creditor_id",
    "account_transfer_signal": "creditor_id",
    "pending_balance_change_signal": "other_creditor_id",
}


class Split:
    """The parent, its children, and their neighbours."""

    def __init__(
        self, parent: Shard, children: list[Shard], neighbours: list[Shard], proxy: FetchProxy
    ) -> None:
        self.parent = parent
        self.children = children
        self.neighbours = neighbours
        self.first_shards = [parent, *neighbours]
        self.final_shards = [*children, *neighbours]
        self.proxy = proxy
        proxy.shards = self.first_shards

    @property
    def neighbour(self) -> Shard:
        """The first of them."""
        return self.neighbours[0]


@contextmanager
def shards_to_split(
    databases: Databases,
    broker_url: str,
    folder: Path,
    child_database: Callable[[str, str], str],
    prefixes: Sequence[str] = ("0", "1"),
) -> Iterator[Split]:
    """No service runs yet. `child_database` makes the URL of the database of a child: it is told
    the URL of the parent's, and the bit of the child. The first of the prefixes is the parent's.
    """
    with ExitStack() as stack:
        proxy = FetchProxy()
        stack.callback(proxy.close)

        def make(prefix: str, database_url: str) -> Shard:
            name, realm = f"swpt_accounts_{prefix}", ".".join((*prefix, "#"))
            rights = {"SQLALCHEMY_DATABASE_URI": databases.as_runner(database_url)}
            settings = {**SETTINGS, **rights, "FETCH_API_URL": proxy.url}
            shard = Shard(name, realm, database_url, broker_url, folder / name, settings)
            stack.callback(shard.close)
            stack.callback(shard.kill)
            return shard

        parent, *neighbours = (make(prefix, databases.create()) for prefix in prefixes)
        children = []
        for bit in "01":
            url = child_database(parent.database_url, bit)
            name = make_url(url).database
            assert name is not None
            stack.callback(administrate, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
            children.append(make(f"{prefixes[0]}{bit}", url))
        yield Split(parent, children, neighbours, proxy)


def traffic_of(split: Split) -> Traffic:
    """The agents. The debtor's account is in the shard that is split."""
    debtor_id = next(n for n in itertools.count(2**42) if split.parent.contains(n, 0))
    return Traffic(split.parent.broker_url, debtor_id, seed=os.getpid())


def succeed(shard: Shard, *command: str) -> None:
    result = shard.run(*command)
    assert result.returncode == 0, result.stdout


def administrate(statement: str, *names: str) -> None:
    dsn = dsn_of(os.environ["TEST_POSTGRES_URL"])
    execute(dsn, sql.SQL(statement).format(*map(sql.Identifier, names)))


def configure_account(shard: Shard, debtor_id: int, creditor_id: int) -> None:
    """Configure an account. What was in the queue before has been taken in then."""
    message = configuration(debtor_id, creditor_id)
    shard.send(message)
    query = (
        "SELECT 1 FROM account WHERE (debtor_id, creditor_id, last_config_seqnum) = (%s, %s, %s)"
    )
    arguments = debtor_id, creditor_id, message["seqnum"]
    wait_until(lambda: shard.query(query, *arguments), WAIT_SECONDS_MAX, str(message))


def open_accounts(split: Split, traffic: Traffic, debtor_id: int) -> list[int]:
    """Open accounts in each realm, with money on them. Returns the creditor ids."""
    configure_account(split.parent, debtor_id, 0)
    creditor_ids = []
    for shard in split.final_shards:
        ids = list(itertools.islice(shard.creditor_ids(debtor_id), ACCOUNTS_COUNT))
        owner = split.parent if shard in split.children else shard
        for creditor_id in ids:
            configure_account(owner, debtor_id, creditor_id)
        creditor_ids += ids
    for creditor_id in creditor_ids:
        traffic.issue(creditor_id, AMOUNT)
    traffic.wait_for(
        lambda: sum(t.is_done for t in traffic.transfers) == len(creditor_ids), "money is issued"
    )
    return creditor_ids


def pile_up(split: Split, *tables: str) -> None:
    """Wait until each of these tables of the parent has rows of both children."""
    for table in tables:
        wait_until(partial(are_of_both, split, table), WAIT_SECONDS_MAX, f"{table} fills up")


def are_of_both(split: Split, table: str) -> bool:
    rows = split.parent.query(f"SELECT debtor_id, {QUEUES[table]} FROM {table}")
    return all(any(child.contains(*row) for row in rows) for child in split.children)


def crash(split: Split, traffic: Traffic, debtor_id: int) -> None:
    """End the services of the parent one by one, so that work of every kind is left undone."""
    held = hold_transfers(split, traffic, debtor_id)
    parent = split.parent
    parent.kill("process_balance_changes")
    pile_up(split, "pending_balance_change")
    # Killed, it could have sent a message without having noted it.
    assert parent.terminate("flush_messages")[0] == 0
    pile_up(split, "prepared_transfer_signal")
    traffic.release(held[::2])
    pile_up(
        split,
        "finalized_transfer_signal",
        "account_transfer_signal",
        "pending_balance_change_signal",
    )
    parent.kill("process_finalization_requests")
    traffic.release(held[1::2])
    pile_up(split, "finalization_request", "prepared_transfer")
    parent.kill("process_transfer_requests")
    pile_up(split, "transfer_request", "unverified_transfer_request")
    parent.kill("consume_messages")
    wait_until(lambda: parent.broker.ready_count(parent.queue), WAIT_SECONDS_MAX, "a queue")


def hold_transfers(split: Split, traffic: Traffic, debtor_id: int) -> list[Transfer]:
    """Wait for prepared transfers to the neighbour. Returns two for each child, alternately."""

    def of_each_child() -> list[list[Transfer]]:
        leaving = [t for t in traffic.held if split.neighbour.contains(debtor_id, t.recipient)]
        return [[t for t in leaving if c.contains(debtor_id, t.sender)] for c in split.children]

    traffic.wait_for(lambda: all(len(x) >= 2 for x in of_each_child()), "transfers are held")
    first, second = of_each_child()
    return [first[0], first[1], second[0], second[1]]


def wait_for_every_way(shards: list[Shard], traffic: Traffic, debtor_id: int, since: int) -> None:
    """Wait until new transfers have moved money within each shard, and from each to each.

    There may be other shards, too.
    """

    def name_of(creditor_id: int) -> str | None:
        return next((s.name for s in shards if s.contains(debtor_id, creditor_id)), None)

    wanted = set(itertools.product((s.name for s in shards), repeat=2))
    traffic.wait_for(
        lambda: (
            wanted
            <= {
                (name_of(t.sender), name_of(t.recipient))
                for t in traffic.transfers[since:]
                if t.is_done and t.committed_amount
            }
        ),
        f"transfers between {wanted}",
    )


def settle(shards: list[Shard], debtor_id: int) -> None:
    """Wait until everything that has been sent has had its effect."""
    for shard in shards:
        configure_account(shard, debtor_id, next(shard.creditor_ids(debtor_id)))
    for shard, table in itertools.product(shards, QUEUES):
        what = f"{table} of {shard.name} gets empty"
        wait_until(partial(is_empty, shard, table), WAIT_SECONDS_MAX, what)


def is_empty(shard: Shard, table: str) -> bool:
    return shard.query(f"SELECT NOT EXISTS (SELECT 1 FROM {table})") == [(True,)]


# -- what has to be true in the end -----------------------------------------------


def principals_of(shards: list[Shard], debtor_id: int) -> Counter[int]:
    statement = "SELECT creditor_id, principal FROM account WHERE debtor_id = %s"
    rows = [row for shard in shards for row in shard.query(statement, debtor_id)]
    assert len(dict(rows)) == len(rows), "an account is in two shards"
    return Counter(dict(rows))


def is_verified(shard: Shard) -> bool:
    return shard.run("verify_shard_content").returncode == 0


def check_traffic(traffic: Traffic, *, is_repeated: bool = False) -> None:
    """Every transfer has ended once. Where the database was lost in the wrong moment, the same
    message may have been sent again.
    """
    for transfer in traffic.transfers:
        failures = FAILURES if transfer.rejected else ()
        assert transfer_problems(transfer, failures, is_once=not is_repeated) == []
    assert_sound(traffic.messages, are_all_reported=True)
    assert not [m for m in traffic.messages if m.type == "AccountPurge"]


def check_shards(split: Split, traffic: Traffic) -> None:
    principals = principals_of(split.final_shards, traffic.debtor_id)
    assert principals == acquired_amounts(traffic.transfers)
    assert sum(principals.values()) == 0
    for shard in split.final_shards:
        assert shard.query("SELECT sum(total_locked_amount) FROM account") == [(0,)]
        archive = shard.query("SELECT DISTINCT is_applied FROM registered_balance_change")
        assert archive == [(True,)], "the sibling's, too"
    for shard in (split.parent, *split.final_shards):
        assert "goes to" not in shard.log("consume_messages"), "a dead letter"
