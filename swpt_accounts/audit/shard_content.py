"""Searches the whole database for records of other shards."""

import time
from collections.abc import Iterator

from psycopg import sql

from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.db.procedures import OWNER_COLUMNS
from swpt_accounts.db.queries import query
from swpt_accounts.db.session_options import READING
from swpt_accounts.settings import Settings
from swpt_accounts.smp.outgoing import SIGNALS, outbox_name

_TABLES = (
    "account",
    "prepared_transfer",
    "transfer_request",
    "unverified_transfer_request",
    "finalization_request",
    "pending_balance_change",
    "returned_message",
)


def find_foreign_record(settings: Settings) -> str | None:
    """Return where a record of another shard is; None if there is none.

    Reads `app_verify_shard_yield_per` rows at a time, and sleeps in between.
    """
    connection = connect(settings, "verify_shard_content", is_read_only=True, behaviour=[READING])
    try:
        for table in (*_TABLES, *map(outbox_name, SIGNALS)):
            for debtor_id, creditor_id in _owners(connection, settings, table):
                if not settings.realm.contains(debtor_id, creditor_id):
                    return (
                        f"table {table!r} has a record of account {debtor_id}/{creditor_id}, which"
                        f" does not belong to this shard ({settings.realm})"
                    )
        return None
    finally:
        connection.close()


def _owners(
    connection: DatabaseConnection, settings: Settings, table: str
) -> Iterator[tuple[int, int]]:
    owner_columns = connection.call_value(OWNER_COLUMNS, table=table)
    statement = sql.SQL(query("owners")).format(
        owner=sql.SQL(owner_columns), table=sql.Identifier(table)
    )
    with connection.raw.transaction(), connection.raw.cursor("owners") as cursor:
        cursor.execute(statement)
        while rows := cursor.fetchmany(settings.app_verify_shard_yield_per):
            yield from rows
            time.sleep(settings.app_verify_shard_sleep_seconds)
