"""One of two shards is split under traffic, as docs/how-to/split-a-shard-by-hand.md tells."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from agentkit.databases import Databases
from agentkit.management import Management
from agentkit.processes import ROOT, program_command
from agentkit.shards import Shard, start_all
from agentkit.traffic import WAIT_SECONDS_MAX, Traffic
from agentkit.waiting import wait_until
from swpt_accounts.broker import topology
from verification.kit.servers import subscribe
from verification.splits.traffic_checks import (
    CHILD_SERVICES,
    QUEUES,
    SERVICES,
    Split,
    administrate,
    are_of_both,
    check_shards,
    check_traffic,
    crash,
    is_verified,
    open_accounts,
    settle,
    shards_to_split,
    succeed,
    traffic_of,
    wait_for_every_way,
)

DOCUMENT = ROOT / "docs" / "how-to" / "split-a-shard-by-hand.md"
DOUBLED_COUNT = 20
STOP_SECONDS_MAX = 60.0


class ByHand(Split):
    """The steps of the document."""

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

    def switch_doubling(self) -> None:
        """The same by commands alone, with both bound for a while: messages arrive twice."""
        for child in self.children:
            succeed(self.parent, "subscribe", "-q", child.queue, "-k", child.realm)
        for child in self.children:
            wait_until(partial(_has_doubled, child), WAIT_SECONDS_MAX, "messages come twice")
        succeed(self.parent, "unsubscribe")

    def drain(self) -> None:
        """Let the parent take in what is left in its queue."""
        command = program_command("consume_messages", "--draining-mode")
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


def _has_doubled(child: Shard) -> bool:
    return child.broker.ready_count(child.queue) >= DOUBLED_COUNT


@pytest.fixture
def split(databases: Databases, fresh_broker_url: str, tmp_path: Path) -> Iterator[ByHand]:
    def child_database(url: str, bit: str) -> str:
        """It will be a copy of the parent's."""
        found = make_url(url)
        return found.set(database=f"{found.database}_{bit}").render_as_string(hide_password=False)

    with shards_to_split(databases, fresh_broker_url, tmp_path, child_database) as made:
        yield ByHand(made.parent, made.children, made.neighbours, made.proxy)


@pytest.fixture
def traffic(split: ByHand) -> Iterator[Traffic]:
    made = traffic_of(split)
    yield made
    made.close()


def check_before_cleaning(child: Shard) -> None:
    assert child.run("verify_books").returncode == 0
    result = child.run("verify_shard_content")
    assert result.returncode == 1
    assert f"does not belong to this shard ({child.realm})" in result.stdout


def check_is_unaware_of_split(child: Shard) -> None:
    """Without the setting, a worker refuses to handle what may be the sibling's."""
    result = child.run("flush_messages", "--quit-early")
    assert result.returncode == 1
    (line,) = [x for x in result.stdout.splitlines() if " INFO " not in x]
    assert "set DELETE_PARENT_SHARD_RECORDS to true" in line


# -- the test -----------------------------------------------------------------------


@pytest.mark.timeout(600)
@pytest.mark.parametrize("is_doubling", [False, True], ids=["in-one-step", "both-bound"])
def test_split_under_traffic(
    split: ByHand, traffic: Traffic, management: Management, is_doubling: bool
) -> None:
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
    if is_doubling:
        split.switch_doubling()
    else:
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
