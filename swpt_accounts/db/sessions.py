"""The sessions of the program, as `status`, the console and the exporter show them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg.rows import class_row

from swpt_accounts.db.queries import read_queries

FROZEN_SECONDS: Final = 60.0
"""A session that is unused for so long is of a process that does not run."""

_FILE: Final = "db/sessions.sql"


@dataclass(frozen=True, slots=True)
class WorkerSessions:
    """The database sessions of a worker. What the role may not see is None, or not counted.

    `wait` is what its worker waits for, as in "waiting for the broker".
    """

    name: str
    sessions_count: int
    lock_waits_count: int = 0
    quiet_seconds: float | None = None
    frozen_count: int = 0
    wait: str = ""
    since: datetime | None = None
    transaction_seconds: float | None = None


def read_sessions(connection: psycopg.Connection[Any]) -> tuple[WorkerSessions, ...]:
    """All of them, but for that of the connection. Raises `psycopg.Error`."""
    cursor = connection.cursor(row_factory=class_row(WorkerSessions))
    statement = read_queries(_FILE)["sessions"].encode()
    return tuple(cursor.execute(statement, {"frozen_seconds": FROZEN_SECONDS}).fetchall())


def read_up_seconds(connection: psycopg.Connection[Any]) -> float:
    """For how long workers have been able to connect. Raises `psycopg.Error`."""
    row = connection.execute(read_queries(_FILE)["up_seconds"].encode()).fetchone()
    assert row is not None
    return float(row[0])
