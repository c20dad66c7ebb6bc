"""A shard under traffic, and the databases of its children on a server of their own."""

import itertools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from agentkit.database import dsn_of, execute
from agentkit.databases import Databases, migrate
from agentkit.fetch_proxy import FetchProxy
from agentkit.own_server import OwnServer
from agentkit.shards import Shard
from agentkit.traffic import WAIT_SECONDS_MAX, Traffic
from agentkit.waiting import wait_until
from verification.kit.servers import subscribe
from verification.splits.commands import Commands, forget_replication
from verification.splits.traffic_checks import (
    CHILD_SERVICES,
    SERVICES,
    SETTINGS,
    Split,
    open_accounts,
    traffic_of,
)

TRANSFERS_A_SECOND = 10.0
_HELD_SHARE = 0.1


@dataclass
class Place:
    """The shards, the operator, and the agents."""

    split: Split
    commands: Commands
    traffic: Traffic

    @property
    def parent(self) -> Shard:
        return self.split.parent

    def step(self) -> str | None:
        """How far the split is noted to be."""
        if not self.parent.query("SELECT 1 WHERE to_regclass('swpt_accounts_split.split') > 0"):
            return None
        ((step,),) = self.parent.query("SELECT step FROM swpt_accounts_split.split")
        return str(step)

    def await_transfers(self, count: int = 3) -> None:
        """Wait until some more transfers are done that are begun from now on."""
        since = len(self.traffic.transfers)
        self.traffic.wait_for(
            lambda: sum(t.is_done for t in self.traffic.transfers[since:]) >= count,
            "transfers go on",
        )

    def start_children(self) -> None:
        """They wait for the switch. Those that run go on."""
        for child in self.split.children:
            for name in CHILD_SERVICES:
                if not child.services[name].is_alive():
                    child.begin(name)

    def stop_children(self) -> None:
        for child in self.split.children:
            child.stop()

    def longest_silence(self) -> float:
        """The longest time without an answer to the agents, in seconds."""
        moments = [m.received_at for m in self.traffic.messages]
        return max((after - before for before, after in itertools.pairwise(moments)), default=0.0)


@contextmanager
def open_place(
    databases: Databases, server: OwnServer, broker_url: str, folder: Path
) -> Iterator[Place]:
    """The parent works; money moves all the time."""
    with ExitStack() as stack:
        proxy = FetchProxy()
        stack.callback(proxy.close)

        def make(bits: str, url: str) -> Shard:
            settings = {**SETTINGS, "FETCH_API_URL": proxy.url}
            realm = ".".join((*bits, "#"))
            shard = Shard(f"swpt_{bits}", realm, url, broker_url, folder / f"s{bits}", settings)
            stack.callback(shard.close)
            stack.callback(forget_replication, shard)
            stack.callback(shard.kill)
            return shard

        parent = make("", databases.create())
        children = [make(bit, _new_database(server)) for bit in "01"]
        split = Split(parent, children, [], proxy)
        subscribe(parent)
        parent.start(*SERVICES)
        traffic = traffic_of(split)
        stack.callback(traffic.close)
        traffic.listen()
        creditor_ids = open_accounts(split, traffic, traffic.debtor_id)
        traffic.keep_on(creditor_ids, transfers_a_second=TRANSFERS_A_SECOND, held_share=_HELD_SHARE)
        yield Place(split, Commands(parent, children, folder), traffic)


def _new_database(server: OwnServer) -> str:
    name = f"child_{uuid4().hex[:8]}"
    execute(dsn_of(server.url), f"CREATE DATABASE {name}")
    url = server.url.set(database=name).render_as_string(hide_password=False)
    migrate(url, "upgrade")
    return url


def wait_for_children(split: Split) -> None:
    """The children work, and are asked."""
    split.proxy.shards = split.final_shards
    for child in split.children:
        child.wait_ready()


def wait_for_no_slot(parent: Shard) -> None:
    slots = "SELECT 1 FROM pg_replication_slots WHERE database = current_database()"
    wait_until(lambda: not parent.query(slots), WAIT_SECONDS_MAX, "no slot is left")
