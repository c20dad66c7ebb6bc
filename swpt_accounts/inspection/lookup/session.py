"""A read-only session, in one snapshot, with short time limits."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg import IsolationLevel, sql
from psycopg.rows import namedtuple_row

from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.db.queries import read_queries
from swpt_accounts.db.session_options import ASKING
from swpt_accounts.inspection.lookup.models import Unread
from swpt_accounts.settings import Settings

NAME: Final = "trace"

ROWS_COUNT_MAX: Final = 100
"""The most rows that are shown of each table."""


class LookupReader:
    """Answers questions as of `taken_at`. Use it within `reading`, or within `snapshot`.

    A table that takes too long to read is noted in `unread`.
    """

    def __init__(self, connection: DatabaseConnection, settings: Settings) -> None:
        self.settings = settings
        self._raw = connection.raw
        self.unread: dict[str, Unread] = {}
        self.taken_at: datetime

    @contextmanager
    def snapshot(self) -> Iterator["LookupReader"]:
        """A transaction in which all answers are of one moment. Raises `psycopg.Error`."""
        raw = self._raw
        raw.isolation_level, raw.read_only = IsolationLevel.REPEATABLE_READ, True
        self.unread = {}
        try:
            with raw.transaction():
                ((self.taken_at,),) = self.rows("transfers", "taken_at")
                yield self
        finally:
            if not raw.closed:
                raw.isolation_level = raw.read_only = None

    def rows(self, file: str, name: str, parts: Any = None, /, **parameters: Any) -> list[Any]:
        """The rows of a statement in sql/: tuples with names. Raises `psycopg.Error`."""
        queries = read_queries(f"inspection/lookup/sql/{file}.sql")
        filled = {key: _part(queries, value) for key, value in (parts or {}).items()}
        statement = sql.SQL(queries[name]).format(**filled)
        with self._raw.cursor(row_factory=namedtuple_row) as cursor:
            return cursor.execute(statement, parameters).fetchall()

    def try_rows(
        self, place: str, file: str, name: str, parts: Any = None, /, **parameters: Any
    ) -> list[Any]:
        """The same; where that takes too long, or is not allowed, nothing, and a note of it.

        Of more than `ROWS_COUNT_MAX` rows, the last are left out: the statement gets
        `count_max`, and one more is asked for.
        """
        try:
            with self._raw.transaction():
                rows = self.rows(file, name, parts, count_max=ROWS_COUNT_MAX + 1, **parameters)
        except _REFUSED as error:
            self.unread[place] = Unread(place, _REASONS.get(type(error), str(error).strip()))
            return []
        if len(rows) > ROWS_COUNT_MAX:
            self.unread[place] = Unread(place, f"only its first {ROWS_COUNT_MAX} rows are shown")
        return rows[:ROWS_COUNT_MAX]


_REFUSED: Final = (
    psycopg.errors.QueryCanceled,
    psycopg.errors.LockNotAvailable,
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.UndefinedTable,
)
_REASONS: Final[dict[type[psycopg.Error], str]] = {
    psycopg.errors.QueryCanceled: "the search timed out, because the table is too long",
    psycopg.errors.LockNotAvailable: "a session holds a lock on the table",
}


def _part(queries: dict[str, str], value: Any) -> sql.Composable:
    """The name of a table, or, as `condition:NAME`, a statement of the same file."""
    kind, _, name = str(value).rpartition(":")
    return sql.SQL(queries[name]) if kind == "condition" else sql.Identifier(name)


@contextmanager
def open_reader(settings: Settings, name: str = NAME) -> Iterator[LookupReader]:
    """Connect, for several snapshots one after the other. Raises `psycopg.Error`."""
    connection = connect(settings, name, is_read_only=True, behaviour=(ASKING,))
    try:
        yield LookupReader(connection, settings)
    finally:
        connection.close()


@contextmanager
def reading(settings: Settings) -> Iterator[LookupReader]:
    """Connect, and open a snapshot. Raises `psycopg.Error`."""
    with open_reader(settings) as reader, reader.snapshot():
        yield reader
