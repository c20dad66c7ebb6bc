"""One of two shards is split under traffic, as docs/how-to/split-a-shard.md tells."""

import itertools
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from psycopg import sql
from sqlalchemy.engine import make_url

from agentkit.coordinator import Transfer
from agentkit.currency import configuration
from agentkit.database import dsn_of, execute
from agentkit.fetch_proxy import FetchProxy
from agentkit.management import Management
from agentkit.processes import ROOT, flask_command
from agentkit.shards import Shard, start_all
from agentkit.waiting import wait_until
from swpt_accounts.broker import topology
from tests.support.authority import subscribe
from tests.support.database import Databases
from tests.support.soundness import assert_sound
from tests.support.traffic import WAIT_SECONDS_MAX, Traffic

DOCUMENT = ROOT / "docs" / "how-to" / "split-a-shard.md"
ACCOUNTS_COUNT = 8
"""In the realm of each of the shards that there are in the end."""
AMOUNT = 1000
STOP_SECONDS_MAX = 60.0
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


# -- the shards ----------------------------------------------------------------


class Split:
    """The parent, its children, their neighbour; and the steps of the document."""

    def __init__(
        self, parent: Shard, children: list[Shard], neighbour: Shard, proxy: FetchProxy
    ) -> None:
        self.parent = parent
        self.children = children
        self.neighbour = neighbour
        self.final_shards = [*children, neighbour]
        self.proxy = proxy
        proxy.shards = [parent, neighbour]

    def _run_example(self, number: int) -> None:
        """Run an example of the document, with the queues and realms of these children."""
        blocks = re.findall(r"^```python\n(.*?)^```$", DOCUMENT.read_text(), re.M | re.S)
        realms = {child.queue: child.realm for child in self.children}
        script = re.sub(r"^CHILDREN = .*$", f"CHILDREN = {realms}", blocks[number], flags=re.M)
        environment = {**os.environ, "PROTOCOL_BROKER_URL": self.parent.broker_url}
        subprocess.run([sys.executable, "-c", script], env=environment, check=True)

    def _change_policy(self, method: str, management: Management) -> None:
        """What `rabbitmqctl set_policy` and `clear_policy` do."""
        text = DOCUMENT.read_text()
        ((kind, priority, pattern, definition),) = re.findall(
            r"set_policy --apply-to (\w+) --priority (\d+) split '(.*)' \\\n\s+'(.*)'", text
        )
        body = {
            "pattern": pattern,
            "definition": json.loads(definition),
            "apply-to": kind,
            "priority": int(priority),
        }
        vhost = self.parent.broker_url.rpartition("/")[2]
        assert management.request(method, "policies", vhost, "split", body=body)

    def switch(self, management: Management) -> None:
        """From now on messages go to the queues of the children."""
        self._run_example(0)
        self._change_policy("PUT", management)
        succeed(self.parent, "unsubscribe")
        for child in self.children:
            succeed(self.parent, "subscribe", "-q", child.queue, "-k", child.realm)
        self._change_policy("DELETE", management)
        self._run_example(1)

    def drain(self) -> None:
        """Let the parent take in what is left in its queue."""
        command = flask_command("consume_messages", "--draining-mode")
        consumer = subprocess.Popen(command, cwd=ROOT, env=self.parent.environment)
        try:
            succeed(self.parent, "delete_queue")
        finally:
            consumer.terminate()
            assert consumer.wait(STOP_SECONDS_MAX) == 0

    def copy(self) -> None:
        """Stop the parent, and copy its database."""
        self.parent.stop()
        source = self.parent.database.name
        connected = "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
        wait_until(
            lambda: not self.parent.query(connected, source),
            WAIT_SECONDS_MAX,
            "nobody is connected",
        )
        for child in self.children:
            administrate("CREATE DATABASE {} TEMPLATE {}", child.database.name, source)

    def start_children(self) -> None:
        """Start the children, which know that they are children."""
        for child in self.children:
            child.environment["DELETE_PARENT_SHARD_RECORDS"] = "true"
            topology.create_chores_queue(child.broker_url, child.chores_queue)
        start_all(self.children, *CHILD_SERVICES)
        self.proxy.shards = self.final_shards


def succeed(shard: Shard, *command: str) -> None:
    result = shard.run(*command)
    assert result.returncode == 0, result.stdout


def administrate(statement: str, *names: str) -> None:
    dsn = dsn_of(os.environ["TEST_POSTGRES_URL"])
    execute(dsn, sql.SQL(statement).format(*map(sql.Identifier, names)))


@pytest.fixture
def split(databases: Databases, broker_url: str, tmp_path: Path) -> Iterator[Split]:
    with ExitStack() as stack:
        proxy = FetchProxy()
        stack.callback(proxy.close)

        def make(name: str, realm: str, database_url: str) -> Shard:
            rights = {"SQLALCHEMY_DATABASE_URI": databases.as_runner(database_url)}
            settings = {**SETTINGS, **rights, "FETCH_API_URL": proxy.url}
            shard = Shard(name, realm, database_url, broker_url, tmp_path / name, settings)
            stack.callback(shard.close)
            stack.callback(shard.kill)
            return shard

        parent = make("swpt_accounts_0", "0.#", databases.create())
        neighbour = make("swpt_accounts_1", "1.#", databases.create())
        children = []
        for bit in "01":
            name = f"{parent.database.name}_{bit}"
            url = make_url(parent.database_url).set(database=name)
            stack.callback(administrate, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
            child_url = url.render_as_string(hide_password=False)
            children.append(make(f"swpt_accounts_0{bit}", f"0.{bit}.#", child_url))
        yield Split(parent, children, neighbour, proxy)


# -- the accounts and the traffic --------------------------------------------------


@pytest.fixture
def traffic(split: Split) -> Iterator[Traffic]:
    """The agents. The debtor's account is in the shard that is split."""
    debtor_id = next(n for n in itertools.count(2**42) if split.parent.contains(n, 0))
    made = Traffic(split.parent.broker_url, debtor_id, seed=os.getpid())
    yield made
    made.close()


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
        owner = split.neighbour if shard is split.neighbour else split.parent
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
    """Wait until new transfers have moved money within each shard, and from each to each."""

    def name_of(creditor_id: int) -> str:
        return next(s.name for s in shards if s.contains(debtor_id, creditor_id))

    wanted = set(itertools.product((s.name for s in shards), repeat=2))
    traffic.wait_for(
        lambda: (
            {
                (name_of(t.sender), name_of(t.recipient))
                for t in traffic.transfers[since:]
                if t.is_done and t.committed_amount
            }
            == wanted
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


def check_transfer(transfer: Transfer) -> None:
    """A transfer has ended once, and its amount was debited once and credited once."""
    counts = len(transfer.rejected), len(transfer.prepared), len(transfer.finalized)
    assert counts in ((1, 0, 0), (0, 1, 1)), transfer
    for rejected in transfer.rejected:
        # For a while nobody answers for the accounts of the parent: on a slow machine, for long.
        expected = "INSUFFICIENT_AVAILABLE_AMOUNT", "RECIPIENT_IS_UNREACHABLE"
        assert rejected["status_code"] in expected, transfer
    for finalized in transfer.finalized:
        assert finalized["status_code"] == "OK", transfer
        assert finalized["committed_amount"] == transfer.committed_amount, transfer
    found = [(t["creditor_id"], t["acquired_amount"]) for t in transfer.account_transfers]
    assert sorted(found) == transfer.expected_account_transfers, transfer


def expected_principals(transfers: list[Transfer]) -> Counter[int]:
    principals: Counter[int] = Counter()
    for transfer in transfers:
        principals[transfer.sender] -= transfer.committed_amount
        principals[transfer.recipient] += transfer.committed_amount
    return principals


def principals_of(shards: list[Shard]) -> dict[int, int]:
    rows = [row for s in shards for row in s.query("SELECT creditor_id, principal FROM account")]
    assert len(dict(rows)) == len(rows), "an account is in two shards"
    return dict(rows)


def is_verified(shard: Shard) -> bool:
    return shard.run("verify_shard_content").returncode == 0


def check_before_cleaning(child: Shard) -> None:
    assert child.run("verify_books").returncode == 0
    result = child.run("verify_shard_content")
    assert result.returncode == 1
    assert f"does not belong to this shard ({child.realm})" in result.stdout


def check_is_unaware_of_split(child: Shard) -> None:
    """Without the setting, a worker refuses to handle what may be the sibling's."""
    result = child.run("flush_messages", "--quit-early")
    assert result.returncode == 1
    assert "set DELETE_PARENT_SHARD_RECORDS to true" in result.stdout


def check_traffic(traffic: Traffic) -> None:
    for transfer in traffic.transfers:
        check_transfer(transfer)
    assert_sound(traffic.messages, are_all_reported=True)
    assert not [m for m in traffic.messages if m.type == "AccountPurge"]


def check_shards(split: Split, traffic: Traffic) -> None:
    principals = principals_of(split.final_shards)
    assert principals == expected_principals(traffic.transfers)
    assert sum(principals.values()) == 0
    for shard in split.final_shards:
        assert shard.query("SELECT sum(total_locked_amount) FROM account") == [(0,)]
        assert shard.query("SELECT 1 FROM registered_balance_change"), "nothing came from others"
    for shard in (split.parent, *split.final_shards):
        assert "goes to" not in shard.log("consume_messages"), "a dead letter"


# -- the test -----------------------------------------------------------------------


@pytest.mark.timeout(600)
def test_split_under_traffic(split: Split, traffic: Traffic, management: Management) -> None:
    parent, children, debtor_id = split.parent, split.children, traffic.debtor_id
    two_shards = [parent, split.neighbour]
    for shard in two_shards:
        subscribe(shard)
    start_all(two_shards, *SERVICES)
    traffic.listen()
    creditor_ids = open_accounts(split, traffic, debtor_id)
    traffic.keep_on(creditor_ids, transfers_a_second=20.0, held_share=0.3)
    wait_for_every_way(two_shards, traffic, debtor_id, len(creditor_ids))
    for shard in two_shards:
        assert shard.query("SELECT 1 FROM registered_balance_change"), "nothing came from others"

    crash(split, traffic, debtor_id)
    split.switch(management)
    split.drain()
    for child in children:
        wait_until(partial(child.broker.ready_count, child.queue), WAIT_SECONDS_MAX, "a queue")
    assert [table for table in QUEUES if not are_of_both(split, table)] == []
    split.copy()
    for child in children:
        check_before_cleaning(child)
    check_is_unaware_of_split(children[0])
    split.start_children()
    wait_for_every_way(split.final_shards, traffic, debtor_id, len(traffic.transfers))

    traffic.wind_up()
    settle(split.final_shards, debtor_id)
    traffic.end()
    check_traffic(traffic)
    for child in children:
        wait_until(partial(is_verified, child), WAIT_SECONDS_MAX, "all records are its own")
    check_shards(split, traffic)
    for child in children:
        # All is as it should be without the setting, too.
        without = {"DELETE_PARENT_SHARD_RECORDS": "false"}
        assert child.run("flush_messages", "--quit-early", **without).returncode == 0
