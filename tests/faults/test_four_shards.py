"""Four shards: one is split, one loses its database, one is slow; the fourth goes on as before."""

import itertools
import os
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from agentkit.coordinator import Transfer
from agentkit.databases import Databases
from agentkit.fault_proxy import FaultProxy
from agentkit.outcomes import acquired_amounts
from agentkit.shards import Shard, start_all
from agentkit.traffic import WAIT_SECONDS_MAX, Traffic
from agentkit.waiting import wait_until
from verification.kit.servers import subscribe
from verification.splits.commands import Commands, forget_replication
from verification.splits.traffic_checks import (
    ACCOUNTS_COUNT,
    AMOUNT,
    CHILD_SERVICES,
    Split,
    check_shards,
    check_traffic,
    configure_account,
    is_verified,
    open_accounts,
    principals_of,
    settle,
    shards_to_split,
    succeed,
    traffic_of,
    wait_for_every_way,
)

PREFIXES = ("00", "01", "10", "11")
SLOW_BYTES_PER_SECOND = 20_000
ENOUGH_COUNT = 50
# Others may not answer: that is what a shard says of them, and not of itself.
_ABOUT_OTHERS = " [peer_silent]: "
_COMPLAINT = re.compile(r"\b(WARNING|ERROR|CRITICAL|Traceback)\b")


class FourShards(Split):
    """The parent, one that loses its database, one that is slow, and one to which nothing happens.

    Between the second and the third and their databases there are links.
    """

    def __init__(self, split: Split) -> None:
        super().__init__(split.parent, split.children, split.neighbours, split.proxy)
        self.losing, self.slow, self.well = split.neighbours
        self.links = [self._link(shard) for shard in (self.losing, self.slow)]

    @staticmethod
    def _link(shard: Shard) -> FaultProxy:
        link = FaultProxy(shard.environment["SQLALCHEMY_DATABASE_URI"])
        shard.environment["SQLALCHEMY_DATABASE_URI"] = link.url
        return link


@pytest.fixture
def split(databases: Databases, fresh_broker_url: str, tmp_path: Path) -> Iterator[FourShards]:
    made = shards_to_split(
        databases, fresh_broker_url, tmp_path, lambda *_: databases.create(), PREFIXES
    )
    with made as plain:
        four = FourShards(plain)
        yield four
        for shard in four.neighbours:
            shard.stop()
        for link in four.links:
            link.close()


@pytest.fixture
def commands(split: FourShards, tmp_path: Path) -> Iterator[Commands]:
    yield Commands(split.parent, split.children, tmp_path)
    for shard in (*split.children, split.parent):
        forget_replication(shard)


@pytest.fixture
def traffic(split: FourShards) -> Iterator[Traffic]:
    made = traffic_of(split)
    yield made
    made.close()


@pytest.fixture
def untouched(split: FourShards) -> Iterator[Traffic]:
    """The agents of a currency all of whose accounts are in the shard to which nothing happens."""
    debtor_id = next(n for n in itertools.count(2**43) if split.well.contains(n, 0))
    made = Traffic(split.parent.broker_url, debtor_id, seed=os.getpid() + 1)
    yield made
    made.close()


def open_untouched(split: FourShards, untouched: Traffic) -> None:
    """Open its accounts, and let money move between them from now on."""
    debtor_id = untouched.debtor_id
    ids = list(itertools.islice(split.well.creditor_ids(debtor_id), ACCOUNTS_COUNT))
    for creditor_id in (0, *ids):
        configure_account(split.well, debtor_id, creditor_id)
    for creditor_id in ids:
        untouched.issue(creditor_id, AMOUNT)
    untouched.wait_for(lambda: sum(t.is_done for t in untouched.transfers) == len(ids), "money")
    untouched.keep_on(ids, transfers_a_second=20.0, held_share=0.0)


def wait_for_more(traffic: Traffic) -> None:
    """Wait until transfers that were not begun before have come to their end."""
    since = len(traffic.transfers)
    traffic.wait_for(
        lambda: sum(t.is_done for t in traffic.transfers[since:]) >= ENOUGH_COUNT,
        f"{ENOUGH_COUNT} new transfers",
    )


def transfers_of(traffic: Traffic, shard: Shard, since: int) -> list[Transfer]:
    """The transfers of senders in a shard that were asked for since then."""
    debtor_id = traffic.debtor_id
    return [t for t in traffic.transfers[since:] if shard.contains(debtor_id, t.sender)]


def complaints(shard: Shard) -> list[str]:
    """What a shard says of itself that is not as it should be."""
    lines = itertools.chain.from_iterable(shard.log(n).splitlines() for n in CHILD_SERVICES)
    return [line for line in lines if _COMPLAINT.search(line) and _ABOUT_OTHERS not in line]


@pytest.mark.timeout(900)
def test_what_happens_to_three_shards_is_not_noticed_by_the_fourth(
    split: FourShards, commands: Commands, traffic: Traffic, untouched: Traffic
) -> None:
    (losing_link, slow_link), debtor_id = split.links, traffic.debtor_id
    for shard in split.first_shards:
        subscribe(shard)
    start_all(split.first_shards, *CHILD_SERVICES)
    traffic.listen()
    untouched.listen()
    creditor_ids = open_accounts(split, traffic, debtor_id)
    open_untouched(split, untouched)
    traffic.keep_on(creditor_ids, transfers_a_second=20.0, held_share=0.1)
    wait_for_every_way(split.first_shards, traffic, debtor_id, len(creditor_ids))

    commands.succeed("prepare")
    for child in split.children:
        child.begin(*CHILD_SERVICES)
    slow_link.bytes_per_second = SLOW_BYTES_PER_SECOND
    losing_link.cut()
    lost_since = len(traffic.transfers)
    wait_for_more(untouched)
    commands.succeed("switch")
    split.proxy.shards = split.final_shards
    wait_for_more(untouched)
    for child in split.children:
        child.wait_ready()
    healthy = [*split.children, split.well]
    wait_for_every_way(healthy, traffic, debtor_id, len(traffic.transfers))
    wait_for_more(untouched)
    stuck = transfers_of(traffic, split.losing, lost_since)
    # What was read before the link was cut may have been answered.
    assert not any(transfer.is_done for transfer in stuck[len(stuck) // 2 :]), "nothing was lost"
    wait_until(lambda: complaints(split.losing), WAIT_SECONDS_MAX, "the loss is logged")

    losing_link.reset()
    losing_link.heal()
    slow_link.bytes_per_second = None
    split.parent.stop()
    commands.succeed("finish")
    wait_for_every_way(split.final_shards, traffic, debtor_id, len(traffic.transfers))
    for one in (traffic, untouched):
        one.wind_up()
    settle(split.final_shards, debtor_id)
    # Later nobody hears what it says.
    assert complaints(split.well) == []
    for one in (traffic, untouched):
        one.end()
        check_traffic(one, is_repeated=one is traffic)
    check_shards(split, traffic)
    principals = principals_of(split.final_shards, untouched.debtor_id)
    assert principals == acquired_amounts(untouched.transfers)
    for child in split.children:
        wait_until(partial(is_verified, child), WAIT_SECONDS_MAX, "all records are its own")
    for shard in split.final_shards:
        succeed(shard, "verify_books")
