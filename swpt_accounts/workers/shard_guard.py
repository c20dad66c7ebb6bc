"""Checks that the database, its queues and its outboxes are of this shard only."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.errors import UnsuitableDatabase
from swpt_accounts.db.procedures import (
    CLAIM_REALM,
    DROP_PARENT_ROWS,
    FIND_FOREIGN_ROW,
    LAST_ROW,
)
from swpt_accounts.db.queries import query
from swpt_accounts.db.session_checks import wrong_shard
from swpt_accounts.observability.events.lifecycle import PARENT_ROWS_REMOVED
from swpt_accounts.settings import Settings
from swpt_accounts.workers.shutdown import ShutdownEvent

logger = logging.getLogger(__name__)

ROWS_COUNT: Final = 10_000
_LOCK_SECONDS: Final = 0.5


@dataclass(slots=True)
class _Check:
    """How far a table is checked: up to an id, of the last one that is to be checked."""

    checked_id: int
    last_id: int


def claim_database(connection: DatabaseConnection, settings: Settings) -> None:
    """Let the database be known as that of this shard, before anything in it is handled or removed.

    Raises `UnsuitableDatabase` if it is another one's, and `psycopg.Error`.
    """
    problem = connection.call_value(
        CLAIM_REALM,
        realm=str(settings.realm),
        is_heir=settings.delete_parent_shard_records,
        **settings.realm.parameters,
    )
    if problem is not None:
        raise wrong_shard(problem, settings.realm)


class ShardGuard:
    """What is known of one database: its tables are checked once, however often one connects.

    Foreign rows come with a copied database only: later rows are of this shard.
    """

    def __init__(self) -> None:
        self._identity: Any = None
        self._checks: dict[tuple[Any, ...], _Check] = {}
        self._lock = Lock()

    def guard(
        self,
        connection: DatabaseConnection,
        settings: Settings,
        tables: Iterable[str],
        shutdown: ShutdownEvent | None = None,
    ) -> None:
        """Remove the rows of the sibling, after a split of the shard, from queues and outboxes.

        Rows are read in bounded batches; a shutdown request ends that before all of them are seen.
        Raises `UnsuitableDatabase` if a foreign row is left, and `psycopg.Error`: nothing in such a
        table may be handled.
        """
        if settings.realm.length == 0:
            return
        # of several threads one does it, and the others find it done
        while not self._lock.acquire(timeout=_LOCK_SECONDS):
            if shutdown is not None and shutdown.is_requested():
                return
        try:
            self._recognize(connection)
            for table in tables:
                self._guard_table(connection, settings, table, shutdown)
        finally:
            self._lock.release()

    def _recognize(self, connection: DatabaseConnection) -> None:
        """Forget all when this is another database, or another history of it."""
        identity = connection.raw.execute(query("database_identity")).fetchone()
        if identity != self._identity:
            self._checks.clear()
            self._identity = identity

    def _guard_table(
        self,
        connection: DatabaseConnection,
        settings: Settings,
        table: str,
        shutdown: ShutdownEvent | None,
    ) -> None:
        realm = settings.realm
        key = table, realm, settings.delete_parent_shard_records
        check = self._checks.get(key)
        if check is None:
            last_id = connection.call_value(LAST_ROW, table=table, after_id=None, count_max=None)
            check = self._checks[key] = _Check(0, last_id or 0)
        dropped_count = 0
        while check.checked_id < check.last_id and not (shutdown and shutdown.is_requested()):
            after_id = check.checked_id
            last_id = connection.call_value(
                LAST_ROW, table=table, after_id=after_id, count_max=ROWS_COUNT
            )
            batch = {"table": table, "after_id": after_id, "last_id": last_id, **realm.parameters}
            if settings.delete_parent_shard_records:
                dropped_count += connection.call_value(DROP_PARENT_ROWS, **batch)
            for debtor_id, creditor_id in connection.call_table(FIND_FOREIGN_ROW, **batch):
                raise UnsuitableDatabase(
                    f"table {table!r} has a row of account ({debtor_id}, {creditor_id}), which does"
                    f" not belong to this shard ({realm}). If the shard was split, set"
                    " DELETE_PARENT_SHARD_RECORDS to true"
                )
            # there may be no row any more
            check.checked_id = check.last_id if last_id is None else last_id
        if dropped_count:
            PARENT_ROWS_REMOVED.log(logger, count=dropped_count, table=table)


_guard: Final = ShardGuard()
guard_tables: Final = _guard.guard
