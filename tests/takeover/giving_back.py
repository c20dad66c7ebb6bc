"""What tests of the way back share."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from psycopg import sql

from agentkit.processes import run
from swpt_accounts.core.progress import NoProgress, Progress
from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.takeover.move_out import MovedOut, move_out
from swpt_accounts.takeover.reference_schema import COLUMNS
from swpt_accounts.takeover.schemas import open_takeover_session
from tests.takeover.reference import Place
from verification.kit.shard import Shard

# What the reference numbers anew, or counts from the moment.
_NEW: Final = {"signal_id", "transfer_request_id"}
_ORDERS: Final = {"finalization_request": "ts"}


def give_back(
    place: Place, progress: Progress | None = None, *, accept_loss: bool = False
) -> MovedOut | None:
    """What the command does, in this process."""
    with open_takeover_session(place.settings()) as session:
        return move_out(session, progress or NoProgress(), accept_loss=accept_loss)


def run_move_out(place: Place, *options: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """The command itself. Its output is in `stdout`."""
    return run(move_out_command(*options), move_out_environment(place, **settings))


def move_out_command(*options: str) -> list[str]:
    return ["python", "-m", "swpt_accounts", "move_out", *options]


def move_out_environment(place: Place, **settings: str) -> dict[str, str]:
    return {**os.environ, "POSTGRES_URL": place.url, "PYTHONUNBUFFERED": "1", **settings}


def reference_rows(place: Place, *, without: set[str] = _NEW) -> dict[str, list[Any]]:
    """All rows of the reference's tables, without what is numbered anew, and in a fixed order.

    It makes no difference whether there is no text, or an empty one.
    """
    found = {}
    for table, names in COLUMNS.items():
        columns = [c for c in names.split() if c not in {*without, _ORDERS.get(table)}]
        texts = [
            sql.SQL("coalesce({}::text, '')").format(sql.Identifier(column)) for column in columns
        ]
        statement = sql.SQL("SELECT {} FROM {}").format(
            sql.SQL(", ").join(texts), sql.Identifier(place.schema, table)
        )
        rows = [dict(zip(columns, row, strict=True)) for row in place.query(statement)]
        found[table] = sorted(rows, key=lambda row: tuple(row.values()))
    return found


_TABLES: Final = """
    SELECT relnamespace::regnamespace::text, relname, relkind::text
    FROM pg_class
    WHERE relnamespace::regnamespace::text !~ '^(pg_|information_schema)' AND relkind IN ('r', 'v')
    ORDER BY 1, 2
"""


def snapshot(place: Place) -> dict[tuple[str, str], Any]:
    """All tables, wherever they are, with all their rows; and the names of all views."""
    found: dict[tuple[str, str], Any] = {}
    for schema, table, kind in place.query(_TABLES):
        name = sql.Identifier(schema, table)
        rows = sql.SQL("SELECT t::text FROM {} AS t ORDER BY 1").format(name)
        found[schema, table] = place.query(rows) if kind == "r" else kind
    return found


@contextmanager
def shard_of(place: Place) -> Iterator[Shard]:
    """The procedures of a database that is ours, as workers call them."""
    settings = place.settings()
    connection: DatabaseConnection = connect(settings, "test")
    try:
        yield Shard(connection, settings)
    finally:
        connection.close()
