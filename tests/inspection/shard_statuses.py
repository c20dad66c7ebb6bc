"""Statuses of a shard without problems, but for what a test says."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from swpt_accounts.db.backlog import OUTBOXES, QUEUES, TableBacklog
from swpt_accounts.db.sessions import WorkerSessions
from swpt_accounts.inspection.status.model import (
    AccountsSample,
    BrokerQueue,
    DatabaseState,
    ScanState,
    Server,
    ShardStatus,
    TableCounters,
)
from swpt_accounts.inspection.status.reader import join_states
from swpt_accounts.observability.worker_names import LOOPS, SCANS

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
TABLES = [*QUEUES, *OUTBOXES]


def waiting(
    table: str, count: int, seconds: float | None = None, *, is_estimate: bool = False
) -> TableBacklog:
    """What waits in a table."""
    age = None if seconds is None else timedelta(seconds=seconds)
    since = None if age is None else NOW - age
    return TableBacklog(table, count, is_estimate, since, age)


def database(*backlog: TableBacklog, **different: Any) -> DatabaseState:
    """A database in which nothing waits, but for these."""
    rows = {row.table_name: row for row in backlog}
    state = DatabaseState(
        taken_at=NOW,
        is_replica=False,
        up_seconds=86_400.0,
        backlog=tuple(rows.get(table, waiting(table, 0)) for table in TABLES),
        counts={table: TableCounters(0, 0) for table in TABLES},
        workers=tuple(WorkerSessions(name, 1, 0, 2.0) for name in LOOPS),
        long_transactions=(),
        returned_lines_count=0,
        returned_lines=(),
        dealt_with_count=0,
        accounts=AccountsSample(1000, 0),
        scans=tuple(ScanState(name, 431, 1000, 28_800, 0.25, 12_000, 3, 17_000) for name in SCANS),
    )
    return replace(state, **different)


def shard_status(state: DatabaseState | None = None, **different: Any) -> ShardStatus:
    """The status of a shard without problems, but for this."""
    made = ShardStatus(
        shard="#",
        seconds=0.1,
        servers=(Server("the database"), Server("the broker")),
        incoming=BrokerQueue("in", 0, 2),
        chores=BrokerQueue("chores", 0, 1),
        dead_letters=BrokerQueue("in.XQ", 0, 0),
        database=state or database(),
        workers=join_states((), state or database()),
    )
    return replace(made, **different)
