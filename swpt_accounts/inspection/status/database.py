"""Asks the database, in one transaction that only reads."""

from datetime import timedelta
from typing import Any, Final, TypeVar

import psycopg
from psycopg.rows import class_row, namedtuple_row

from swpt_accounts.db.backlog import OUTBOXES, QUEUES, read_backlog
from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.db.queries import read_queries
from swpt_accounts.db.sessions import read_sessions, read_up_seconds
from swpt_accounts.inspection.status.model import (
    AccountsSample,
    DatabaseState,
    LongTransaction,
    OlderSenders,
    ReturnedLine,
    ScanState,
    TableCounters,
)
from swpt_accounts.inspection.status.thresholds import LONG_TRANSACTION_SECONDS
from swpt_accounts.settings import Settings

T = TypeVar("T")

NAME: Final = "status"
_STATEMENT_SECONDS_MAX: Final = 5


def open_database(settings: Settings) -> DatabaseConnection:
    """Connect, for reading. Raises `psycopg.Error`."""
    connection = connect(settings, NAME, is_read_only=True)
    connection.raw.execute(f"SET statement_timeout = '{_STATEMENT_SECONDS_MAX}s'")
    connection.raw.read_only = True
    return connection


def read_database(connection: DatabaseConnection, settings: Settings) -> DatabaseState:
    """Ask for everything. Raises `psycopg.Error`."""
    with connection.raw.transaction():
        moment = _rows(connection, "moment")[0]
        counts = _rows(connection, "counts", tables=[*QUEUES, *OUTBOXES])
        return DatabaseState(
            taken_at=moment.taken_at,
            is_replica=moment.is_replica,
            up_seconds=read_up_seconds(connection.raw),
            backlog=tuple(read_backlog(connection.raw)),
            counts={row.table_name: TableCounters(row.inserted, row.deleted) for row in counts},
            workers=read_sessions(connection.raw),
            long_transactions=_objects(
                connection,
                LongTransaction,
                "long_transactions",
                seconds_min=LONG_TRANSACTION_SECONDS,
            ),
            returned_lines_count=_rows(connection, "returned_messages:returned_lines")[0].count,
            returned_lines=_objects(connection, ReturnedLine, "returned_lines"),
            dealt_with_count=0,
            accounts=_objects(
                connection,
                AccountsSample,
                "accounts_sample",
                heartbeat=_heartbeat(settings),
                late=2 * timedelta(hours=settings.app_accounts_scan_hours),
            )[0],
            scans=_objects(connection, ScanState, "scans"),
            older_senders=_objects(
                connection, OlderSenders, "older_senders", is_alone=settings.realm.length == 0
            ),
        )


def count_dealt_with(connection: DatabaseConnection, queue: str, first_offset: int) -> int:
    """How many of the dead letters from an offset on were dealt with. Raises `psycopg.Error`."""
    found = _rows(connection, "dead_letters:dealt_with", queue=queue, first_offset=first_offset)
    return int(found[0].count)


def _heartbeat(settings: Settings) -> timedelta:
    days = max(settings.app_account_heartbeat_days, settings.app_message_max_delay_days)
    return timedelta(days=days)


def _statement(name: str) -> bytes:
    """One of status.sql, or of a file of the exporter before the colon."""
    file, _, name = name.rpartition(":")
    path = f"inspection/exporter/{file}.sql" if file else "inspection/status/status.sql"
    return read_queries(path)[name].encode()


def _rows(connection: DatabaseConnection, name: str, **parameters: Any) -> list[Any]:
    cursor = connection.raw.cursor(row_factory=namedtuple_row)
    return cursor.execute(_statement(name), parameters).fetchall()


def _objects(
    connection: DatabaseConnection, kind: type[T], name: str, **parameters: Any
) -> tuple[T, ...]:
    cursor: psycopg.Cursor[T] = connection.raw.cursor(row_factory=class_row(kind))
    return tuple(cursor.execute(_statement(name), parameters).fetchall())
