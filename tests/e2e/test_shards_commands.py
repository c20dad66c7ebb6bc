"""One of two shards is split under traffic by `shards`, whose every step is killed and repeated."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from agentkit.databases import Databases
from agentkit.shards import Shard, start_all
from agentkit.traffic import WAIT_SECONDS_MAX, Traffic
from agentkit.waiting import wait_until
from tests.takeover.reference import load_dump
from verification.kit.servers import subscribe
from verification.splits.commands import Commands, forget_replication
from verification.splits.traffic_checks import (
    CHILD_SERVICES,
    SERVICES,
    Split,
    check_shards,
    check_traffic,
    crash,
    is_verified,
    open_accounts,
    principals_of,
    settle,
    shards_to_split,
    succeed,
    traffic_of,
    wait_for_every_way,
)


@pytest.fixture
def split(databases: Databases, fresh_broker_url: str, tmp_path: Path) -> Iterator[Split]:
    with shards_to_split(
        databases, fresh_broker_url, tmp_path, lambda *_: databases.create()
    ) as made:
        yield made


@pytest.fixture
def commands(split: Split, tmp_path: Path) -> Iterator[Commands]:
    made = Commands(split.parent, split.children, tmp_path)
    subscribe(split.parent)
    yield made
    for shard in (*split.children, split.parent):
        forget_replication(shard)


@pytest.fixture
def traffic(split: Split) -> Iterator[Traffic]:
    made = traffic_of(split)
    yield made
    made.close()


def has_said(shard: Shard, name: str, words: str) -> bool:
    return words in shard.log(name)


def check_waits(child: Shard) -> None:
    """Its services are there, and do nothing."""
    words = "being filled from that of another shard"
    for name in ("consume_messages", "flush_messages"):
        wait_until(partial(has_said, child, name, words), WAIT_SECONDS_MAX, f"{name} waits")
    assert child.broker.consumers_count(child.queue) == 0


def books_are_right(shard: Shard) -> None:
    succeed(shard, "verify_books")


def go_out_and_in(shards: list[Shard], debtor_id: int) -> None:
    """The reference takes the databases, and gives them back: no row stayed that nobody removes."""
    for shard in shards:
        shard.stop()
        owner = {"POSTGRES_URL": shard.database_url, "SQLALCHEMY_DATABASE_URI": ""}
        before = principals_of([shard], debtor_id)
        made = shard.run("move_out", "--make-room", **owner)
        assert made.returncode == 0, made.stdout
        load_dump(shard.database_url, with_rows=False)
        for command in ("move_out", "move_in", "move_out", "move_in", "verify_books"):
            result = shard.run(command, **owner)
            assert result.returncode == 0, result.stdout
        query = "SELECT sum(principal) FROM swpt_accounts_books.account WHERE debtor_id = %s"
        assert shard.query(query, debtor_id) == [(sum(before.values()),)]


@pytest.mark.timeout(1800)
def test_split_under_traffic(split: Split, commands: Commands, traffic: Traffic) -> None:
    parent, children, debtor_id = split.parent, split.children, traffic.debtor_id
    two_shards = [parent, split.neighbour]
    subscribe(split.neighbour)
    start_all(two_shards, *SERVICES)
    traffic.listen()
    creditor_ids = open_accounts(split, traffic, debtor_id)
    traffic.keep_on(creditor_ids, transfers_a_second=20.0, held_share=0.3)
    wait_for_every_way(two_shards, traffic, debtor_id, len(creditor_ids))

    assert "0.0.#" in commands.succeed("plan")
    assert commands.succeed_in_spite_of_deaths("prepare") > 3
    for child in children:
        child.begin(*CHILD_SERVICES)
    for child in children:
        check_waits(child)
    wait_for_every_way(two_shards, traffic, debtor_id, len(traffic.transfers))
    crash(split, traffic, debtor_id)
    assert commands.succeed_in_spite_of_deaths("switch") > 3
    split.proxy.shards = split.final_shards
    for child in children:
        child.wait_ready()
    commands.refuse("undo", "the split is switched")
    assert "working" in commands.succeed("status")
    wait_for_every_way(split.final_shards, traffic, debtor_id, len(traffic.transfers))
    parent.stop()
    commands.succeed_in_spite_of_deaths("finish")

    traffic.wind_up()
    settle(split.final_shards, debtor_id)
    traffic.end()
    check_traffic(traffic)
    for child in children:
        wait_until(partial(is_verified, child), WAIT_SECONDS_MAX, "all records are its own")
        books_are_right(child)
    check_shards(split, traffic)
    go_out_and_in(children, debtor_id)
    assert (
        parent.query("SELECT 1 FROM pg_replication_slots WHERE database = current_database()") == []
    )
