"""Whether the workers of a shard are at work: made of heartbeats, and of sessions of the database.

The heartbeats are those of this container. Workers of others are known by their sessions alone.
"""

from collections.abc import Iterable, Iterator
from time import monotonic
from typing import Final

from swpt_accounts.core.formatting import plural
from swpt_accounts.db.sessions import WorkerSessions
from swpt_accounts.inspection.status.model import DatabaseState, WorkerState
from swpt_accounts.observability.liveness import (
    PATIENCE_SECONDS,
    Condition,
    condition_of,
    living_processes,
)
from swpt_accounts.observability.worker_names import LOOPS
from swpt_accounts.settings import Settings

_ORDER: Final = tuple(Condition)


def find_workers(settings: Settings, database: DatabaseState | None) -> tuple[WorkerState, ...]:
    """The states of all workers, and of what else is frozen in this container."""
    return join_states(_by_heartbeats(settings), database)


def join_states(
    by_heartbeats: Iterable[WorkerState], database: DatabaseState | None
) -> tuple[WorkerState, ...]:
    """Of the states of a worker, the worst one."""
    found: dict[str, WorkerState] = {}
    for state in (*by_heartbeats, *_by_sessions(database)):
        known = found.get(state.name)
        if known is None or _ORDER.index(known.condition) < _ORDER.index(state.condition):
            found[state.name] = state
    absent = _absent(database)
    states = [found.pop(name, WorkerState(name, *absent)) for name in LOOPS]
    others = [state for state in found.values() if state.condition == Condition.FROZEN]
    return *states, *others


def _by_heartbeats(settings: Settings) -> Iterator[WorkerState]:
    now = monotonic()
    for process in living_processes(settings.state_dir):
        if process.shard == settings.shard_mark:
            for loop in process.loops:
                name = loop.name if loop.name in LOOPS else process.command
                yield WorkerState(name, *condition_of(loop, now))


def _by_sessions(database: DatabaseState | None) -> Iterator[WorkerState]:
    for worker in () if database is None else database.workers:
        if worker.name in LOOPS:
            yield WorkerState(worker.name, *_condition_of(worker))


def _condition_of(worker: WorkerSessions) -> tuple[Condition, str]:
    if count := worker.frozen_count:
        sessions = plural(count, "of its sessions is", "of its sessions are")
        return Condition.FROZEN, f"frozen: {sessions} unused"
    return (Condition.WAITING, worker.wait) if worker.wait else (Condition.WORKING, "")


def _absent(database: DatabaseState | None) -> tuple[Condition, str]:
    """The condition of a worker of which nothing is seen."""
    if database is None or database.is_replica:
        return Condition.UNKNOWN, ""
    if database.up_seconds < PATIENCE_SECONDS:
        return Condition.UNKNOWN, "not connected yet"
    return Condition.DOWN, "down: no heartbeat and no database session"
