"""The thread that works for a stage."""

import logging

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.settings import Settings
from swpt_accounts.stages.stages import Stage
from swpt_accounts.workers.backoff import Backoff
from swpt_accounts.workers.cursor import QueueCursor
from swpt_accounts.workers.database_worker import DatabaseWorker
from swpt_accounts.workers.stopping import Stop

logger = logging.getLogger(__name__)

# More rows in one transaction do not make it cheaper, but keep others waiting for longer.
BATCH_COUNT_MAX = 1000
_BUSY_SECONDS_MIN = 0.002
_BUSY_SECONDS_MAX = 0.1


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
        super().__init__(settings, stop, stage.name, (stage.topic,))
        self._stage = stage
        self._wait_seconds = wait_seconds
        self._quit_early = quit_early
        self._count_max = min(stage.count_max(settings), BATCH_COUNT_MAX)
        self._parameters = stage.parameters(settings)

    def work(self, connection: DatabaseConnection) -> None:
        """Work off the queue until the stop; with `quit_early`, until it is empty."""
        cursor = QueueCursor()
        busy = Backoff(_BUSY_SECONDS_MIN, _BUSY_SECONDS_MAX)
        while not self.stop.is_requested():
            taken, seen, last_id = connection.call(
                self._stage.procedure, cursor.after_id, self._count_max, *self._parameters
            )
            is_end = seen < self._count_max
            cursor.seen(last_id, is_end=is_end, are_all_taken=taken == seen)
            self.note_success()
            if not is_end:
                continue
            if taken < seen:
                # Somebody else has locked some of the accounts, most likely for a moment.
                self.stop.wait(busy.next())
                continue
            busy.reset()
            if not self._quit_early:
                connection.wait(self._wait_seconds, self.stop)
            elif seen == 0:
                return
