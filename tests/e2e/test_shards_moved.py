"""A shard moves to another database, under traffic; and what `shards` refuses, and takes back."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import requests

from agentkit.databases import Databases
from agentkit.management import Management
from agentkit.messages import CONTENT_TYPE, configure, encode
from agentkit.outcomes import acquired_amounts
from agentkit.shards import Shard
from agentkit.traffic import WAIT_SECONDS_MAX, Traffic
from agentkit.waiting import wait_until
from verification.kit.servers import subscribe
from verification.splits.commands import Commands, shard_of
from verification.splits.traffic_checks import (
    SERVICES,
    check_traffic,
    configure_account,
    principals_of,
    settle,
    succeed,
)

DEBTOR_ID = 2**42
ACCOUNTS_COUNT = 8
QUEUE = "swpt_accounts"


@pytest.fixture
def parent(databases: Databases, fresh_broker_url: str, tmp_path: Path) -> Iterator[Shard]:
    yield from shard_of(databases, fresh_broker_url, tmp_path / "parent", QUEUE, "#")


@pytest.fixture
def heir(databases: Databases, fresh_broker_url: str, tmp_path: Path) -> Iterator[Shard]:
    """It takes over all, and the queues."""
    yield from shard_of(databases, fresh_broker_url, tmp_path / "heir", QUEUE, "#")


@pytest.fixture
def children(databases: Databases, fresh_broker_url: str, tmp_path: Path) -> Iterator[list[Shard]]:
    made = [
        shard_of(databases, fresh_broker_url, tmp_path / bit, f"{QUEUE}_{bit}", f"{bit}.#")
        for bit in "01"
    ]
    yield [next(each) for each in made]
    for each in made:
        next(each, None)


def wait_for_transfers(traffic: Traffic, count: int) -> None:
    """Wait until so many more transfers are done."""
    before = sum(t.is_done for t in traffic.transfers)
    traffic.wait_for(
        lambda: sum(t.is_done for t in traffic.transfers) >= before + count, "transfers are done"
    )


@pytest.mark.timeout(900)
def test_move_under_traffic(parent: Shard, heir: Shard, tmp_path: Path) -> None:
    subscribe(parent)
    parent.start(*SERVICES)
    traffic = Traffic(parent.broker_url, DEBTOR_ID, seed=1)
    traffic.listen()
    creditor_ids = list(range(2**40, 2**40 + ACCOUNTS_COUNT))
    for creditor_id in (0, *creditor_ids):
        configure_account(parent, DEBTOR_ID, creditor_id)
    for creditor_id in creditor_ids:
        traffic.issue(creditor_id, 1000)
    wait_for_transfers(traffic, 0)
    traffic.keep_on(creditor_ids, transfers_a_second=20.0, held_share=0.1)
    wait_for_transfers(traffic, 20)

    commands = Commands(parent, [heir], tmp_path)
    commands.succeed("prepare")
    heir.begin(*SERVICES)
    wait_for_transfers(traffic, 20)
    commands.succeed("switch")
    heir.wait_ready()
    wait_for_transfers(traffic, 20)
    commands.succeed("switch")
    parent.stop()
    commands.succeed("finish")
    commands.succeed("finish")

    traffic.wind_up()
    settle([heir], DEBTOR_ID)
    traffic.end()
    check_traffic(traffic)
    assert principals_of([heir], DEBTOR_ID) == acquired_amounts(traffic.transfers)
    succeed(heir, "verify_books")
    assert "goes to" not in heir.log("consume_messages"), "a dead letter"


@pytest.mark.timeout(900)
def test_undone(
    parent: Shard, children: list[Shard], tmp_path: Path, management: Management
) -> None:
    subscribe(parent)
    parent.start(*SERVICES)
    configure_account(parent, DEBTOR_ID, 0)
    vhost = parent.broker_url.rpartition("/")[2]
    bindings = management.bindings(vhost)
    commands = Commands(parent, children, tmp_path)
    commands.succeed("prepare")
    total = sum(child.query("SELECT count(*) FROM account")[0][0] for child in children)
    assert total == 1
    # the messages take no other way yet
    configure_account(parent, DEBTOR_ID, 1)
    assert commands.succeed_in_spite_of_deaths("undo") >= 1
    for child in children:
        assert child.query("SELECT count(*) FROM account") == [(0,)]
        assert child.query("SELECT 1 FROM pg_trigger WHERE NOT tgisinternal") == []
        assert child.query("SELECT 1 FROM pg_subscription_rel") == []
    for query in (
        "SELECT 1 FROM pg_publication",
        "SELECT 1 FROM pg_namespace WHERE nspname = 'swpt_accounts_split'",
        "SELECT 1 FROM pg_class WHERE relname = 'account' AND relreplident <> 'd'",
        "SELECT 1 FROM pg_replication_slots WHERE database = current_database()",
    ):
        assert parent.query(query) == [], query
    assert management.bindings(vhost) == bindings
    assert management.queue(vhost, children[0].queue) is None
    parent.query("DELETE FROM account WHERE creditor_id = 1")
    parent.query("DELETE FROM account_key WHERE creditor_id = 1")
    commands.refuse("switch", r"no split of this shard has begun: run `shards prepare`\n\Z")


@pytest.mark.timeout(900)
def test_refused(parent: Shard, heir: Shard, children: list[Shard], tmp_path: Path) -> None:
    commands = Commands(parent, children, tmp_path)
    commands.environment["PROTOCOL_BROKER_QUEUE"] = "nothing"
    commands.refuse("plan", "the parent's queue 'nothing' does not exist")
    commands.environment["PROTOCOL_BROKER_QUEUE"] = parent.queue
    commands.refuse("switch", "no split of this shard has begun")
    subscribe(parent)
    first, second = children

    first.query("INSERT INTO account_key VALUES (1, 1)")
    commands.refuse("plan", r"child 0\.#.* its table 'account_key' is not empty")
    commands.refuse("prepare", r"child 0\.#.* its table 'account_key' is not empty")
    first.query("DELETE FROM account_key")
    first.start("flush_messages")
    commands.refuse("prepare", r"child 0\.#.* its services have [0-9]+ session")
    assert first.terminate("flush_messages")[0] == 0
    commands.write(first, POSTGRES_URL=heir.environment["SQLALCHEMY_DATABASE_URI"])
    commands.refuse("plan", "(?s)may not create schemas.*must be a superuser")
    commands.write(first, POSTGRES_URL=parent.database_url.replace("127.0.0.1", "localhost"))
    commands.refuse("plan", "two of the shards have the same database, under two addresses")
    assert parent.query("SELECT 1 FROM pg_namespace WHERE nspname = 'swpt_accounts_split'") == []

    commands.write(first)
    commands.succeed("prepare")
    commands.write(first, POSTGRES_URL=heir.database_url)
    commands.refuse("prepare", "another split of this shard began")
    commands.refuse("switch", "another split of this shard began")
    # into databases that have a parent already
    other = Commands(heir, children, tmp_path)
    other.refuse("plan", "another split into this database has begun")
    commands.write(first)
    second.query("UPDATE alembic_version SET version_num = '0003'")
    commands.refuse("switch", "have different migrations")
    latest = "SELECT max(revision) FROM procedures_version"
    second.query(f"UPDATE alembic_version SET version_num = ({latest})")
    commands.refuse("finish", "the split is preparing")
    # a child that has stopped receiving
    ((name,),) = second.query(
        "SELECT subname FROM pg_subscription JOIN pg_database d ON d.oid = subdbid"
        " WHERE d.datname = current_database()"
    )
    second.query(f"ALTER SUBSCRIPTION {name} DISABLE")
    commands.refuse("switch", "lags behind the parent")
    assert "preparing" in commands.succeed("status")
    second.query(f"ALTER SUBSCRIPTION {name} ENABLE")
    commands.succeed("undo")


@pytest.mark.timeout(900)
def test_nothing_comes_to_a_child_before_its_time(
    parent: Shard, children: list[Shard], tmp_path: Path
) -> None:
    subscribe(parent)
    first = children[0]
    commands = Commands(parent, children, tmp_path)
    subscribe(first)
    of_both = next(n for n in range(2**42, 2**43) if first.contains(n, 0))
    parent.send(configure(of_both, 0))
    for command in ("plan", "prepare"):
        commands.refuse(command, f"queue '{first.queue}' of a child has 1 message")
    assert parent.query("SELECT 1 FROM pg_namespace WHERE nspname = 'swpt_accounts_split'") == []

    first.broker.channel.queue_delete(first.queue)
    subscribe(first)
    commands.succeed("prepare")
    parent.send(configure(of_both, 0))
    wait_until(lambda: parent.broker.ready_count(parent.queue) == 2, WAIT_SECONDS_MAX, "messages")
    assert first.broker.ready_count(first.queue) == 0
    # by whatever other way
    first.broker.publish("", first.queue, b"{}")
    commands.refuse("switch", f"queue '{first.queue}' of a child has 1 message")
    first.broker.channel.queue_purge(first.queue)
    commands.succeed("undo")


def check_letters(parent: Shard, children: list[Shard]) -> None:
    """What the parent had put aside, its children send, each its own, once."""
    replay = ("dead_letters", "replay", "--yes", "-q", parent.queue)
    refused = parent.run(*replay)
    assert refused.returncode == 1
    assert "have taken over from this shard" in refused.stdout
    for child in children * 2:
        succeed(child, *replay)
    for child in children:
        assert child.broker.ready_count(child.queue) == 1
        sent = child.broker.get(child.queue)
        assert sent is not None
        assert child.contains(DEBTOR_ID, sent.data["creditor_id"])
    assert parent.broker.ready_count(parent.queue) == 0


def fetch(shard: Shard, what: str) -> int:
    url = f"{shard.web_url}/accounts/{DEBTOR_ID}/1/{what}"
    return requests.get(url, timeout=30).status_code


def test_after_the_switch_nobody_writes_into_the_parent(
    parent: Shard, children: list[Shard], tmp_path: Path
) -> None:
    subscribe(parent)
    parent.start("consume_messages", "webserver")
    commands = Commands(parent, children, tmp_path)
    commands.succeed("prepare")
    for shard in children:
        creditor_id = next(shard.creditor_ids(DEBTOR_ID))
        letter = encode(configure(DEBTOR_ID, creditor_id))
        parent.broker.publish(
            *("", f"{parent.queue}.XQ", letter), type="ConfigureAccount", content_type=CONTENT_TYPE
        )
    # by several connections of the web server, which are kept
    answers = [fetch(parent, what) for what in ("reachable", "config") for _ in range(5)]
    assert set(answers) == {404}
    commands.succeed("switch")
    # what does not exist here may exist in a child
    answers = [fetch(parent, what) for what in ("reachable", "config") for _ in range(5)]
    assert set(answers) == {503}
    assert parent.broker.consumers_count(parent.queue) == 0
    check_letters(parent, children)
    # not even who has the rights of the owner
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="is being split"):
        parent.query("DELETE FROM account")
    succeed(parent, "verify_books")
    child = next(child for child in children if child.contains(DEBTOR_ID, 0))
    child.start("consume_messages")
    configure_account(child, DEBTOR_ID, 0)
    commands.refuse("prepare", "the split is switched")
    # somebody has bound the queue of the parent with another key
    parent.broker.publish("", parent.queue, b"{}")
    commands.refuse("finish", "has 1 message and 0 consumers: it is bound with another key")
