"""Looks through the whole database: for records of other shards, for errors in the books."""

import time
from collections.abc import Iterator

from psycopg import sql

from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.db.queries import query
from swpt_accounts.outbox.signals import make_signal
from swpt_accounts.settings import Settings
from swpt_accounts.smp.outgoing import SIGNALS

BOOK_ERRORS_MAX = 100
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
    """Say where a record of another shard is; None if there is none.

    Reads `app_verify_shard_yield_per` rows at a time, and sleeps in between.
    """
    connection = connect(settings, "verify_shard_content")
    try:
        connection.raw.execute("SET statement_timeout = 0")
        connection.raw.execute("SET enable_seqscan = on")
        for table in (*_TABLES, *(make_signal(name, settings).table for name in SIGNALS)):
            for debtor_id, creditor_id in _owners(connection, settings, table):
                if not settings.realm.contains(debtor_id, creditor_id):
                    return (
                        f"table {table!r} has a record of account ({debtor_id}, {creditor_id}),"
                        f" which does not belong to this shard ({settings.realm})"
                    )
        return None
    finally:
        connection.close()


def find_book_errors(settings: Settings) -> list[str]:
    """Say what is wrong with the books, the first `BOOK_ERRORS_MAX` errors. All in one snapshot."""
    connection = connect(settings, "verify_books")
    try:
        connection.raw.execute("SET statement_timeout = 0")
        realm = settings.realm.bits, settings.realm.length
        rows = connection.call_table("find_book_errors_v1", *realm, BOOK_ERRORS_MAX)
    finally:
        connection.close()
    return [
        f"debtor {debtor_id}: {error}"
        if creditor_id is None
        else f"account ({debtor_id}, {creditor_id}): {error}"
        for debtor_id, creditor_id, error in rows
    ]


def _owners(
    connection: DatabaseConnection, settings: Settings, table: str
) -> Iterator[tuple[int, int]]:
    (owner_columns,) = connection.call("owner_columns", table)
    statement = sql.SQL(query("owners")).format(
        owner=sql.SQL(owner_columns), table=sql.Identifier(table)
    )
    with connection.raw.transaction(), connection.raw.cursor("owners") as cursor:
        cursor.execute(statement)
        while rows := cursor.fetchmany(settings.app_verify_shard_yield_per):
            yield from rows
            time.sleep(settings.app_verify_shard_sleep_seconds)
