"""Authorities of several shards on one virtual host."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from agentkit.authority import Authority


def shard_settings(name: str, realm: str) -> dict[str, str]:
    """The settings by which the shards of a virtual host differ."""
    return {
        "PROTOCOL_BROKER_QUEUE": name,
        "PROTOCOL_BROKER_QUEUE_ROUTING_KEY": realm,
        "CHORES_BROKER_QUEUE": f"{name}_chores",
    }


class Shard(Authority):
    """An authority with its own queues, which keeps the accounts of one realm."""

    def __init__(
        self,
        name: str,
        realm: str,
        database_url: str,
        broker_url: str,
        folder: Path,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        folder.mkdir()
        own = {**shard_settings(name, realm), **(settings or {})}
        super().__init__(database_url, broker_url, folder, own)

    def creditor_ids(self, debtor_id: int, start: int = 2**40) -> Iterator[int]:
        """Creditors whose accounts with this debtor belong to this shard."""
        return (n for n in itertools.count(start) if self.contains(debtor_id, n))


def start_all(shards: Iterable[Shard], *names: str) -> None:
    """Start services of several shards at the same time."""
    shards = list(shards)
    for shard in shards:
        shard.begin(*names)
    for shard in shards:
        shard.wait_ready()
