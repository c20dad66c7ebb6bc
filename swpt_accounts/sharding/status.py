"""How far a split is."""

from dataclasses import dataclass
from typing import Any

from swpt_accounts.broker.topology import QueueCounts
from swpt_accounts.db.operator_session import OperatorSession
from swpt_accounts.sharding.queue_cutover import QueueCutover
from swpt_accounts.sharding.sessions import (
    AbsentChild,
    ChildSession,
    Sessions,
    SplitRecord,
    read_noted,
    read_noted_children,
)


@dataclass(frozen=True, slots=True)
class ChildStatus:
    """How far a child is. For it, the parent's server keeps some WAL."""

    name: str
    state: str
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
    names += [child.queue for child in sessions.family.children if sessions.family.is_split]
    children: list[tuple[ChildSession | AbsentChild, str]]
    children = [(c, _look_at(c, opened)) for c in sessions.children]
    children += [(c, c.reason) for c in sessions.absent]
    return SplitStatus(
        noted,
        {name: relay.counts(name) for name in names},
        [
            ChildStatus(child.child.name, state, _kept_bytes(parent, child.name))
            for child, state in children
        ],
        parent.run("parent", "read_proof"),
    )


def _look_at(child: ChildSession, opened: set[str]) -> str:
    tables = child.session.run("child", "copied", {"name": child.name})
    ready_count = sum(table.is_ready for table in tables)
    return (
        f"{'working' if str(child.child.realm) in opened else 'waiting'};"
        f" {ready_count} of {len(tables)} tables copied"
    )


def _kept_bytes(parent: OperatorSession, name: str) -> int:
    return sum(slot.kept_bytes for slot in parent.run("parent", "slots", {"names": [name]}))
