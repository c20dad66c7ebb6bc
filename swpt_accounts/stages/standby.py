"""Which of several workers of a stage works (docs/decisions/0036)."""

from typing import Final

from psycopg import sql

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.queries import fill_query
from swpt_accounts.workers.queue_cursor import QueueCursor

STANDBY_SECONDS: Final = 0.25
"""The time between two looks of a worker that stands by."""


class Standby:
    """One session leads a stage until it ends. The others stand by, since they would only make the
    batches smaller, and help where rows have waited since their last look.
    """

    def __init__(self, stage: str, table: str, cursor: QueueCursor) -> None:
        lock = sql.Literal(f"swpt_accounts {stage}")
        self._look = fill_query("stand_by", lock=lock, table=sql.Identifier(table))
        self._cursor = cursor
        self.leads = False
        self._last_id = 0

    def is_needed(self, connection: DatabaseConnection) -> bool:
        """Whether to work: this session leads, or a row of the last look is still there."""
        if self.leads:
            return True
        connection.keep_alive()
        leads, first, last = connection.probe(self._look, self._cursor.after_id)
        self.leads = leads == "true"
        if self.leads or (first is not None and int(first) <= self._last_id):
            return True
        # notices are for the one that leads
        connection.heard()
        if last is not None:
            self._last_id = int(last)
        self._cursor.seen(None if last is None else self._last_id, is_end=True)
        return False
