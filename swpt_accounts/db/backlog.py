"""How much waits in the queues and the outboxes, and since when."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from swpt_accounts.db.queries import read_queries

EXACT_COUNT_MAX: Final = 1000
"""So many rows of a table are counted. More are estimated."""

_PAGES_COUNT: Final = 200
_PAGE_BYTES: Final = 8192

QUEUES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "transfer_request": "received_at",
        "unverified_transfer_request": "received_at",
        "finalization_request": "received_at",
        "pending_balance_change": "committed_at",
    }
)
"""The queue tables, and the column that says since when a row waits."""

OUTBOXES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "rejected_transfer_signal": "ts",
        "prepared_transfer_signal": "ts",
        "finalized_transfer_signal": "ts",
        "account_transfer_signal": "ts",
        "account_update_signal": "ts",
        "account_purge_signal": "ts",
        "rejected_config_signal": "ts",
        "pending_balance_change_signal": "ts",
        "returned_message": "put_aside_at",
    }
)
"""The outboxes, and what the broker did not take: the same."""


@dataclass(frozen=True, slots=True)
class TableBacklog:
    """What waits in a table. `waits_since` is of the oldest row, if there is one; it is one of the
    server's clock. `age` is how long that is ago.
    """

    table_name: str
    rows_count: int
    is_estimate: bool
    waits_since: datetime | None
    age: timedelta | None

    @property
    def age_seconds(self) -> float | None:
        """`age`, in seconds, and never negative."""
        return None if self.age is None else max(self.age.total_seconds(), 0.0)


def read_backlog(connection: psycopg.Connection[Any]) -> list[TableBacklog]:
    """What waits in each queue and outbox: one statement that reads a bounded number of rows.

    It needs the session of `connect`, with its search path and its plans. Raises `psycopg.Error`.
    """
    cursor = connection.cursor(row_factory=class_row(TableBacklog))
    return cursor.execute(backlog_query()).fetchall()


def backlog_query() -> bytes:
    queries = read_queries("db/backlog.sql")
    parts = sql.SQL("\nUNION ALL\n").join(
        sql.SQL(queries["table_backlog"]).format(
            name=sql.Literal(table),
            table=sql.Identifier(table),
            moment=sql.Identifier(moment),
            exact_count_max=sql.Literal(EXACT_COUNT_MAX),
            pages_count=sql.Literal(_PAGES_COUNT),
            page_bytes=sql.Literal(_PAGE_BYTES),
        )
        for table, moment in {**QUEUES, **OUTBOXES}.items()
    )
    return sql.SQL(queries["backlog"]).format(parts=parts).as_bytes(None)
