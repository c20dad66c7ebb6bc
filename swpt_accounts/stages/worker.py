"""The three stages of a transfer, and the thread that works for one."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any

import psycopg
from psycopg import sql

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.outage_reporter import Backoff
from swpt_accounts.db.procedures import (
    PROCESS_BALANCE_CHANGES,
    PROCESS_FINALIZATION_REQUESTS,
    PROCESS_TRANSFER_REQUESTS,
    Procedure,
)
from swpt_accounts.db.queries import fill_query
from swpt_accounts.observability.events.background import ROW_NOT_PROCESSED
from swpt_accounts.observability.metrics.definitions import (
    CREDIT_SECONDS,
    FINALIZE_SECONDS,
    PREPARE_SECONDS,
    ROWS_LEFT,
    Metric,
)
from swpt_accounts.observability.metrics.recorder import count, note_batch, observe
from swpt_accounts.settings import Settings
from swpt_accounts.stages.standby import STANDBY_SECONDS, Standby
from swpt_accounts.workers.database_worker import DatabaseWorker
from swpt_accounts.workers.queue_cursor import QueueCursor
from swpt_accounts.workers.shutdown import ShutdownEvent


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage takes rows from its queue table by calling its procedure.

    The procedure takes `after_id`, `count_max`, `left_ids` and the `parameters`. It returns how
    many rows were `taken` from the queue, how many were `seen` after the id, the `last_id` of
    these, the `left_ids` of those whose accounts another session had locked, and the
    `waited_seconds` of the oldest row that was taken, which are its `latency`.
    """

    name: str
    topic: str
    table: str
    procedure: Procedure
    wait_seconds: Callable[[Settings], float]
    count_max: Callable[[Settings], int]
    parameters: Callable[[Settings], dict[str, Any]]
    latency: Metric


TRANSFER_REQUESTS = Stage(
    "process_transfer_requests",
    "TransferRequest",
    "transfer_request",
    PROCESS_TRANSFER_REQUESTS,
    lambda s: s.app_process_transfer_requests_wait,
    lambda s: s.app_process_transfer_requests_max_count,
    lambda s: {"commit_period": timedelta(days=s.app_prepared_transfer_max_delay_days)},
    PREPARE_SECONDS,
)
FINALIZATION_REQUESTS = Stage(
    "process_finalization_requests",
    "FinalizationRequest",
    "finalization_request",
    PROCESS_FINALIZATION_REQUESTS,
    lambda s: s.app_process_finalization_requests_wait,
    lambda s: s.app_process_finalization_requests_max_count,
    lambda s: s.realm.parameters,
    FINALIZE_SECONDS,
)
BALANCE_CHANGES = Stage(
    "process_balance_changes",
    "PendingBalanceChange",
    "pending_balance_change",
    PROCESS_BALANCE_CHANGES,
    lambda s: s.app_process_balance_changes_wait,
    lambda s: s.app_process_balance_changes_max_count,
    lambda _settings: {},
    CREDIT_SECONDS,
)


logger = logging.getLogger(__name__)

_BUSY_SECONDS_MIN = 0.002
_BUSY_SECONDS_MAX = 0.1
# How many rows that had to be left are remembered. More are found by the next full scan.
LEFT_COUNT_MAX = 10_000
_ERRORS_OF_ROWS = (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.AssertFailure)


class BatchSize:
    """How many rows to take at a time: fewer after a failure, more again after successes.

    So a row that cannot be processed does not hold up the rows behind it.
    """

    def __init__(self, count_max: int) -> None:
        self._count_max = count_max
        self.count = count_max

    def shrink(self) -> bool:
        """Take fewer rows. Returns whether that is possible."""
        if self.count == 1:
            return False
        self.count //= 2
        return True

    def grow(self) -> None:
        """Take more rows, if there have been fewer."""
        self.count = min(2 * self.count, self._count_max)


class StageWorker(DatabaseWorker):
    """Works off the queue of a stage, and waits for more.

    Rows whose accounts another session has locked are left, and tried again with every call, so
    that they are done, in order, as soon as the lock is gone, however long the queue is.

    Of several workers of a stage one leads, and the others help it when rows have to wait.
    """

    def __init__(
        self,
        settings: Settings,
        shutdown: ShutdownEvent,
        stage: Stage,
        *,
        quit_early: bool = False,
    ) -> None:
        super().__init__(settings, shutdown, stage.name, (stage.topic,), (stage.table,))
        self._stage = stage
        self._wait_seconds = stage.wait_seconds(settings)
        self._quit_early = quit_early
        self._count_max = stage.count_max(settings)
        self._parameters = stage.parameters(settings)
        table = sql.Identifier(stage.table)
        self._probe = fill_query("has_rows", table=table)
        self._first_row = fill_query("first_row", table=table)
        self._cursor = QueueCursor()
        self._left_ids: list[int] = []
        # whether a notice has come
        self._is_woken = False

    def work(self, connection: DatabaseConnection) -> None:
        """Work off the queue until shutdown; with `quit_early`, until it is empty."""
        self._cursor = QueueCursor()
        self._left_ids = []
        standby = Standby(self._stage.name, self._stage.table, self._cursor)
        busy = Backoff(_BUSY_SECONDS_MIN, _BUSY_SECONDS_MAX)
        batch = BatchSize(self._count_max)
        while not self.shutdown.is_requested():
            if not (self._quit_early or standby.is_needed(connection)):
                self.note_success()
                self.shutdown.wait(STANDBY_SECONDS)
                continue
            seen = self._process(connection, batch)
            if seen is None:
                continue
            if self._left_ids:
                # most likely their accounts are locked for a moment
                connection.wait(busy.next(), self.shutdown)
                continue
            busy.reset()
            if self._quit_early:
                if seen == 0:
                    return
            elif standby.leads:
                self._is_woken = self._wait(connection)
            else:
                # a row that cannot be processed stays in sight for a while
                self.shutdown.wait(STANDBY_SECONDS)

    def _process(self, connection: DatabaseConnection, batch: BatchSize) -> int | None:
        """Call the procedure. Returns how many rows were seen at the end of the queue; None if
        this is not the end.
        """
        if self._cursor.is_full_scan:
            self._cursor.found_first(self._find_first(connection))
        count_max = batch.count
        started_at = monotonic()
        try:
            found = connection.call(
                self._stage.procedure,
                after_id=self._cursor.after_id,
                count_max=count_max,
                left_ids=self._left_ids,
                **self._parameters,
            )
        except _ERRORS_OF_ROWS as error:
            self._contain(connection, batch, error)
            return None
        self._note(found, monotonic() - started_at)
        self._left_ids = found.left_ids[:LEFT_COUNT_MAX]
        if self._is_woken and not found.taken:
            self._cursor.request_full_scan()
        self._is_woken = False
        is_end = found.seen < count_max
        self._cursor.seen(found.last_id, is_end=is_end)
        batch.grow()
        self.note_success()
        return int(found.seen) if is_end else None

    def _note(self, found: Any, seconds: float) -> None:
        note_batch(self.name, found.taken, seconds)
        count(ROWS_LEFT, len(set(found.left_ids).difference(self._left_ids)), self.name)
        if found.taken:
            observe(self._stage.latency, found.waited_seconds, count=found.taken)

    def _wait(self, connection: DatabaseConnection) -> bool:
        """Wait until there may be work, or until shutdown. Returns whether a notice came."""
        while not self.shutdown.is_requested():
            if connection.wait(self._wait_seconds, self.shutdown):
                return True
            if connection.probe(self._probe, self._cursor.after_id):
                break
            self._cursor.seen(None, is_end=True)
            self.note_success()
        return False

    def _find_first(self, connection: DatabaseConnection) -> int | None:
        """The id of the first row after the cursor, but for those that were left."""
        row = connection.raw.execute(
            self._first_row,
            {"after_id": self._cursor.after_id, "left_ids": self._left_ids},
        ).fetchone()
        return None if row is None else row[0]

    def _contain(
        self, connection: DatabaseConnection, batch: BatchSize, error: psycopg.Error
    ) -> None:
        """Find the row that the procedure cannot process, and go on after it.

        That should never happen: messages are checked before they are queued. The row stays
        in its table, and is tried again by each full scan.
        """
        if self._left_ids:
            # they are found by the next full scan, one by one
            self._left_ids = []
            self._cursor.request_full_scan()
            return
        if batch.shrink():
            return
        row_id = self._find_first(connection)
        if row_id is not None:
            ROW_NOT_PROCESSED.log(
                logger,
                worker=self._stage.name,
                row_id=row_id,
                table=self._stage.table,
                problem=str(error),
            )
            # as if it were taken: otherwise every search would begin with it
            self._cursor.seen(row_id, is_end=False)
