"""What a database remembers."""

from collections.abc import Iterable
from typing import Any

from psycopg import sql
from psycopg.rows import dict_row

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.tables import Base
from verification.model.ids import ROOT_CREDITOR_ID
from verification.model.node import Node, Row

TABLES = tuple(table.name for table in Base.metadata.sorted_tables)
# What installs the procedures, and what moves the database, nobody else changes. Slots of the
# journal are emptied as a whole.
CHANGING_TABLES = tuple(
    name
    for name in TABLES
    if name
    not in (
        *("procedures_version", "move", "move_proof", "journal", "scan_pass", "shard"),
        "older_senders",
    )
)
OUTBOXES = tuple(name for name in TABLES if name.endswith("_signal"))
# What a table's rows are called by those who wait for them.
TOPICS = {
    mapper.local_table.name: mapper.class_.__name__  # type: ignore[attr-defined]
    for mapper in Base.registry.mappers
}
# What no rule about money knows.
_UNSEEN = ("id", "trace_context", "received_at")
_IDENTIFYING_FIELDS = (
    *("debtor_id", "creditor_id", "transfer_id"),
    *("coordinator_type", "coordinator_id", "coordinator_request_id"),
)


class StoredRows(Node):
    """The tables of a database, and how a node sees them."""

    def __init__(self, connection: DatabaseConnection) -> None:
        self.connection = connection

    def clear(self) -> None:
        """Remove all rows. Where there are few, that takes less time than TRUNCATE."""
        with self.connection.raw.pipeline():
            for table in CHANGING_TABLES:
                self.connection.raw.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))

    def rows(self, table: str) -> list[Row]:
        """All rows of a table, the oldest first where there is an order."""
        query = sql.SQL("SELECT * FROM {} ORDER BY 1, 2, 3").format(sql.Identifier(table))
        with self.connection.raw.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query).fetchall()

    def account(self, debtor_id: int, creditor_id: int) -> Row:
        with self.connection.raw.cursor(row_factory=dict_row) as cursor:
            row = cursor.execute(
                "SELECT * FROM account WHERE debtor_id = %s AND creditor_id = %s",
                [debtor_id, creditor_id],
            ).fetchone()
        assert row is not None, f"there is no account ({debtor_id}, {creditor_id})"
        return row

    def update_account(self, debtor_id: int, creditor_id: int, **columns: Any) -> None:
        query = sql.SQL("UPDATE account SET {} WHERE debtor_id = %s AND creditor_id = %s").format(
            sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(c)) for c in columns)
        )
        parameters = [*columns.values(), debtor_id, creditor_id]
        assert self.connection.raw.execute(query, parameters).rowcount == 1

    def remove_account(self, debtor_id: int, creditor_id: int) -> None:
        for table in ("account_key", "account"):
            query = sql.SQL("DELETE FROM {} WHERE debtor_id = %s AND creditor_id = %s").format(
                sql.Identifier(table)
            )
            assert self.connection.raw.execute(query, [debtor_id, creditor_id]).rowcount == 1
        if creditor_id == ROOT_CREDITOR_ID:
            self.connection.raw.execute("DELETE FROM root_config WHERE debtor_id = %s", [debtor_id])

    # What is remembered

    def accounts(self) -> list[Row]:
        return self.rows("account")

    def prepared_transfers(self) -> list[Row]:
        return self.rows("prepared_transfer")

    def transfer_requests(self) -> list[Row]:
        return [_without(row, *_UNSEEN) for row in self.rows("transfer_request")]

    def finalization_requests(self) -> list[Row]:
        """The database keeps later requests for the same transfer until they are processed."""
        return _first_of_each(_without(row, *_UNSEEN) for row in self.rows("finalization_request"))

    def pending_changes(self) -> list[Row]:
        return [_pending_change(row) for row in self.rows("pending_balance_change")]

    def registered_changes(self) -> list[Row]:
        return self.rows("registered_balance_change")


def _without(row: Row, *names: str) -> Row:
    return {name: value for name, value in row.items() if name not in names}


def _first_of_each(rows: Iterable[Row]) -> list[Row]:
    firsts: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        firsts.setdefault(tuple(row[name] for name in _IDENTIFYING_FIELDS), row)
    return list(firsts.values())


def _pending_change(row: Row) -> Row:
    """A change that was made here has a number in the database, yet none in the oracle."""
    change = _without(row, *_UNSEEN, "is_registered")
    return change if row["is_registered"] else {**change, "change_id": None}
