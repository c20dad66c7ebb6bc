"""One snapshot of the database, in which all checks are made."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import IsolationLevel
from psycopg.rows import namedtuple_row

from swpt_accounts.core.realm import Realm
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.queries import read_queries

_NO_CHANGES: dict[str, list[Any]] = {
    f"returned_{name}": []
    for name in (
        *("debtor_ids", "creditor_ids", "other_creditor_ids"),
        *("change_ids", "principal_deltas", "committed_at"),
    )
}


@dataclass
class BooksSnapshot:
    """A read-only transaction, which sees the database as it was at `taken_at`.

    `complete_until`: everything that was ever committed by transactions which began before this
    moment is seen. None if a replica cannot tell. `changes` are the parameters of the balance
    changes among the returned messages (`own_sent_change` in sql/parts.sql).
    """

    connection: DatabaseConnection
    realm: Realm
    taken_at: datetime
    is_replica: bool
    complete_until: datetime | None
    changes: dict[str, list[Any]]

    def find(self, statement: str, **parameters: Any) -> list[Any]:
        """The rows of a statement that may use the tables `own_…`: tuples with names."""
        known = {**self.realm.parameters, **self.changes, **parameters}
        with self.connection.raw.cursor(row_factory=namedtuple_row) as cursor:
            return cursor.execute(statement.encode(), known).fetchall()

    def find_part(self, name: str, **parameters: Any) -> list[Any]:
        """The same for a statement in sql/parts.sql that reads the tables `own_…`."""
        return self.find(part("own") + " " + part(name), **parameters)


def part(name: str) -> str:
    """The statement of this name in sql/parts.sql."""
    return read_queries("audit/sql/parts.sql")[name]


@contextmanager
def take_snapshot(connection: DatabaseConnection, realm: Realm) -> Iterator[BooksSnapshot]:
    """Open a transaction that sees one state of the database, and never writes."""
    raw = connection.raw
    ((complete_until,),) = raw.execute(part("oldest_work").encode(), {}).fetchall()
    raw.isolation_level = IsolationLevel.REPEATABLE_READ
    raw.read_only = True
    try:
        with raw.transaction():
            ((taken_at, is_replica),) = raw.execute(part("snapshot").encode()).fetchall()
            yield BooksSnapshot(
                connection, realm, taken_at, is_replica, complete_until, dict(_NO_CHANGES)
            )
    finally:
        if not raw.closed:
            raw.isolation_level = raw.read_only = None


def table_sizes(snapshot: BooksSnapshot, tables: set[str]) -> dict[str, int]:
    """How many bytes there are to read in each table."""
    rows = snapshot.connection.raw.execute(part("table_sizes").encode(), {"tables": list(tables)})
    return dict(rows.fetchall())
