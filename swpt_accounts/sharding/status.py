"""How far a split is."""

from dataclasses import dataclass
from typing import Any

from swpt_accounts.sharding.queue_cutover import QueueCounts, QueueCutover
from swpt_accounts.sharding.sessions import (
    ChildSession,
    Sessions,
    SplitRecord,
    read_noted,
    read_noted_children,
)


@dataclass(frozen=True, slots=True)
class ChildStatus:
    """`ready_count` tables are complete; for the child, the parent's server keeps some WAL."""

    name: str
    is_opened: bool
    ready_count: int
    tables_count: int
    kept_bytes: int


@dataclass(frozen=True, slots=True)
class SplitStatus:
    """What is noted, and what is there."""

    noted: SplitRecord
    queues: dict[str, QueueCounts | None]
    children: list[ChildStatus]
    proof: list[Any]


def read_status(sessions: Sessions) -> SplitStatus:
    """Look at everything. Raises `psycopg.Error`, `AMQPError`."""
    parent, relay = sessions.parent, QueueCutover(sessions.family)
    noted = read_noted(parent)
    assert noted is not None, "no split has begun"
    opened = {row.realm for row in read_noted_children(parent) if row.opened_at is not None}
    names = [sessions.family.parent.protocol_broker_queue]
    names += [child.child.queue for child in sessions.children if sessions.family.is_split]
    return SplitStatus(
        noted,
        {name: relay.counts(name) for name in names},
        [_look_at(sessions, child, opened) for child in sessions.children],
        parent.run("parent", "read_proof"),
    )


def _look_at(sessions: Sessions, child: ChildSession, opened: set[str]) -> ChildStatus:
    tables = child.session.run("child", "copied", {"name": child.name})
    slots = sessions.parent.run("parent", "slots", {"names": [child.name]})
    return ChildStatus(
        child.child.name,
        str(child.child.realm) in opened,
        sum(table.is_ready for table in tables),
        len(tables),
        sum(slot.kept_bytes for slot in slots),
    )
