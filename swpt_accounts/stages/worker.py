"""The thread that works for a stage."""

import logging

import psycopg
from psycopg import sql

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.queries import fill_query, query
from swpt_accounts.settings import Settings
from swpt_accounts.stages.batch_size import BatchSize
from swpt_accounts.stages.stages import Stage
from swpt_accounts.workers.backoff import Backoff
from swpt_accounts.workers.cursor import QueueCursor
from swpt_accounts.workers.database_worker import DatabaseWorker
from swpt_accounts.workers.stopping import Stop

logger = logging.getLogger(__name__)

_BUSY_SECONDS_MIN = 0.002
_BUSY_SECONDS_MAX = 0.1
_ERRORS_OF_ROWS = (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.AssertFailure)


class StageWorker(DatabaseWorker):
    """Works off the queue of a stage, and waits for more."""

    def __init__(
        self,
        settings: Settings,
        stop: Stop,
        stage: Stage,
        *,
        wait_seconds: float,
        quit_early: bool = False,
    ) -> None:
        super().__init__(settings, stop, stage.name, (stage.topic,), (stage.table,))
        self._stage = stage
        self._wait_seconds = wait_seconds
        self._quit_early = quit_early
        self._count_max = stage.count_max(settings)
        self._parameters = stage.parameters(settings)
        self._probe = fill_query("has_rows", table=sql.Identifier(stage.table))

    def work(self, connection: DatabaseConnection) -> None:
        """Work off the queue until the stop; with `quit_early`, until it is empty."""
        cursor = QueueCursor()
        busy = Backoff(_BUSY_SECONDS_MIN, _BUSY_SECONDS_MAX)
        batch = BatchSize(self._count_max)
        while not self.stop.is_requested():
            try:
                found = connection.call(
                    self._stage.procedure,
                    after_id=cursor.after_id,
                    count_max=batch.count,
                    **self._parameters,
                )
            except _ERRORS_OF_ROWS as error:
                self._contain(connection, cursor, batch, error)
                continue
            is_end = found.seen < batch.count
            batch.grow()
            cursor.seen(found.last_id, is_end=is_end, are_all_taken=found.taken == found.seen)
            self.note_success()
            if not is_end:
                continue
            if cursor.has_left_rows:
                # Somebody else has locked some of the accounts, most likely for a moment.
                self.stop.wait(busy.next())
                continue
            busy.reset()
            if not self._quit_early:
                self._wait(connection, cursor)
            elif found.seen == 0:
                return

    def _wait(self, connection: DatabaseConnection, cursor: QueueCursor) -> None:
        """Wait until there may be work, or until the stop."""
        while not self.stop.is_requested():
            if connection.wait(self._wait_seconds, self.stop):
                return
            if connection.probe(self._probe, cursor.after_id):
                return
            cursor.seen(None, is_end=True, are_all_taken=True)
            self.note_success()

    def _contain(
        self,
        connection: DatabaseConnection,
        cursor: QueueCursor,
        batch: BatchSize,
        error: psycopg.Error,
    ) -> None:
        """Find the row that the procedure cannot process, and go on after it.

        That should never happen: messages are checked before they are queued. The row stays
        in its table, and is tried again by each full search.
        """
        if batch.shrink():
            return
        statement = sql.SQL(query("first_row")).format(table=sql.Identifier(self._stage.table))
        row = connection.raw.execute(statement, {"after_id": cursor.after_id}).fetchone()
        if row is not None:
            logger.error(
                "%s cannot process row %d of %r: %s",
                self._stage.name,
                row[0],
                self._stage.table,
                error,
            )
            # as if it were taken: otherwise every search would begin with it
            cursor.seen(row[0], is_end=False, are_all_taken=True)
