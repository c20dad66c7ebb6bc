"""Ensures that a worker handles only what belongs to its shard."""

import logging
from collections.abc import Iterable

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.procedures import DROP_PARENT_ROWS, FIND_FOREIGN_ROW
from swpt_accounts.settings import Settings

logger = logging.getLogger(__name__)


class ForeignRowError(Exception):
    """A queue or an outbox has a row of another shard: nothing in it may be handled."""


def guard_tables(connection: DatabaseConnection, settings: Settings, tables: Iterable[str]) -> None:
    """Remove the rows of the sibling, after a split of the shard, from queues and outboxes.

    They come with the copied database only: later rows are of this shard. Raises
    `ForeignRowError` if a foreign row is left.
    """
    realm = settings.realm
    if realm.length == 0:
        return
    for table in tables:
        if settings.delete_parent_shard_records:
            count = connection.call_value(DROP_PARENT_ROWS, table=table, **realm.parameters)
            if count:
                logger.warning("%d rows of the sibling shard are removed from %r.", count, table)
        rows = connection.call_table(FIND_FOREIGN_ROW, table=table, **realm.parameters)
        for debtor_id, creditor_id in rows:
            raise ForeignRowError(
                f"table {table!r} has a row of account ({debtor_id}, {creditor_id}), which does"
                f" not belong to this shard ({realm}). If the shard was split, set"
                " DELETE_PARENT_SHARD_RECORDS to true."
            )
