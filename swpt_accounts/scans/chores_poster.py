"""Posts chores to the chores queue, from a thread of its own, so that a scan never waits for it."""

import logging
from collections.abc import Iterable
from itertools import islice
from threading import Condition, Thread
from time import monotonic

import pika
from pika.exceptions import AMQPError
from pika.spec import PERSISTENT_DELIVERY_MODE

from swpt_accounts.broker.publisher import Publication, Publisher
from swpt_accounts.db.errors import one_line
from swpt_accounts.db.outage_reporter import Backoff
from swpt_accounts.observability.events.background import (
    CHORES_LEFT,
    CHORES_NOT_POSTED,
    CHORES_QUEUE_REFUSES,
    CHORES_QUEUE_TAKES,
)
from swpt_accounts.scans.chores import Chore, encode_chore
from swpt_accounts.settings import Settings
from swpt_accounts.smp.types import CONTENT_TYPE
from swpt_accounts.workers.shutdown import ShutdownEvent

logger = logging.getLogger(__name__)

# How many chores may wait here to be posted. More than that are left to the next scan.
WAITING_COUNT_MAX = 10_000
# When the queue is so long, nothing is added until half of it is done.
QUEUE_COUNT_MAX = 10_000
BATCH_COUNT_MAX = 1000
# How often a queue that takes no chores is checked.
LOOK_SECONDS = 5.0
# How long a connection without work is kept: its heartbeats are not answered meanwhile.
IDLE_SECONDS = 20.0
CLOSE_SECONDS_MAX = 1.0
# The posting is slower than the scan: how long the scan may wait for it, in each step.
ROOM_SECONDS_MAX = 1.0

Key = tuple[type[Chore], int, int]


def _key(chore: Chore) -> Key:
    return type(chore), chore.debtor_id, chore.creditor_id


class ChoresPoster:
    """Keeps chores until they are posted: of each type, one for each account."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.chores_broker_url
        self._queue = settings.chores_broker_queue
        self._changed = Condition()
        # what follows is guarded by the condition
        self._waiting: dict[Key, Chore] = {}
        self._posted_now_count = 0
        self._left_count = 0
        self._problem: str | None = None
        self._is_closing = False
        self._thread: Thread | None = None

    # -- for the scan -------------------------------------------------------

    def post(self, chores: list[Chore]) -> None:
        """Let chores be posted. Those for which there is no room are left to the next scan."""
        if not chores:
            return
        with self._changed:
            self._start_thread()
            self._add(chores)
            self._changed.notify_all()

    def finish(self, shutdown: ShutdownEvent, seconds_max: float) -> None:
        """Wait until all is posted, until shutdown, or for that time."""
        end = monotonic() + seconds_max
        while (count := self._count()) and monotonic() < end and not shutdown.wait(0.02):
            pass
        if count:
            CHORES_NOT_POSTED.log(logger, count=count)

    def close(self) -> None:
        """End the thread; what is not posted is left to the next scan."""
        with self._changed:
            thread, self._thread = self._thread, None
            self._is_closing = True
            self._changed.notify_all()
        if thread is not None:
            thread.join(CLOSE_SECONDS_MAX)

    def _count(self) -> int:
        with self._changed:
            return len(self._waiting) + self._posted_now_count

    def _start_thread(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._posted_now_count = 0
            self._thread = Thread(target=self._run, name="chores", daemon=True)
            self._thread.start()

    def _add(self, chores: Iterable[Chore]) -> None:
        may_wait = True
        for chore in chores:
            key = _key(chore)
            if key not in self._waiting and not self._has_room():
                if may_wait:
                    self._changed.notify_all()
                    self._changed.wait_for(
                        lambda: self._has_room() or self._problem is not None, ROOM_SECONDS_MAX
                    )
                    may_wait = self._has_room()
                if not self._has_room():
                    self._left_count += 1
                    continue
            self._waiting[key] = chore

    def _has_room(self) -> bool:
        return len(self._waiting) < WAITING_COUNT_MAX

    # -- the thread ---------------------------------------------------------

    def _run(self) -> None:
        backoff = Backoff()
        while self._await_chores(None):
            try:
                self._post_over_one_connection(backoff)
            except AMQPError as error:
                self._note_problem(one_line(error))
                self._pause(backoff.next())

    def _post_over_one_connection(self, backoff: Backoff) -> None:
        """Post until nothing has come for a while."""
        publisher = Publisher(self._url, "chores")
        try:
            while self._await_chores(IDLE_SECONDS):
                problem: str | None
                queue_count = publisher.message_count(self._queue)
                if queue_count >= self._queue_count_max():
                    problem = f"it has {queue_count} messages"
                else:
                    room = QUEUE_COUNT_MAX - queue_count
                    problem = self._post_some(publisher, min(room, BATCH_COUNT_MAX))
                if problem:
                    self._note_problem(problem)
                    self._pause(LOOK_SECONDS)
                else:
                    self._note_success()
                    backoff.reset()
        finally:
            publisher.close()

    def _queue_count_max(self) -> int:
        """A queue that was too long has to become much shorter."""
        return QUEUE_COUNT_MAX if self._problem is None else QUEUE_COUNT_MAX // 2

    def _post_some(self, publisher: Publisher, count_max: int) -> str | None:
        """Post chores. Returns why the queue did not take some of them, if it did not."""
        with self._changed:
            chores = list(islice(self._waiting.values(), count_max))
            for chore in chores:
                del self._waiting[_key(chore)]
            self._posted_now_count = len(chores)
            self._changed.notify_all()
        not_posted = chores
        try:
            refused = publisher.publish(map(self._publication, chores))
            not_posted = [chores[position] for position in sorted(refused)]
            return next(iter(refused.values()), None)
        finally:
            with self._changed:
                # What the scan has found meanwhile is newer.
                self._waiting = {_key(chore): chore for chore in not_posted} | self._waiting
                self._posted_now_count = 0

    def _publication(self, chore: Chore) -> Publication:
        properties = pika.BasicProperties(
            delivery_mode=PERSISTENT_DELIVERY_MODE,
            content_type=CONTENT_TYPE,
            type=type(chore).__name__,
        )
        return Publication("", self._queue, properties, encode_chore(chore))

    def _await_chores(self, seconds_max: float | None) -> bool:
        """Wait for chores, for a time (None: no limit). Returns whether there are any to post."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closing, seconds_max)
            return bool(self._waiting) and not self._is_closing

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._is_closing, seconds)

    def _note_problem(self, problem: str) -> None:
        """Log it once, until it is over."""
        with self._changed:
            is_new = self._problem is None and not self._is_closing
            self._problem = problem
            self._changed.notify_all()
        if is_new:
            CHORES_QUEUE_REFUSES.log(
                logger,
                queue=self._queue,
                problem=problem,
                waiting_count_max=WAITING_COUNT_MAX,
            )

    def _note_success(self) -> None:
        with self._changed:
            problem, self._problem = self._problem, None
            left_count, self._left_count = self._left_count, 0
        if problem is not None:
            CHORES_QUEUE_TAKES.log(logger, queue=self._queue)
        if left_count:
            CHORES_LEFT.log(logger, count=left_count)
