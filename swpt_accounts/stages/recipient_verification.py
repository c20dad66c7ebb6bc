"""The thread that asks whether recipients in other shards accept transfers."""

import asyncio
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.procedures import (
    LEASE_UNVERIFIED_REQUESTS,
    NOTE_UNASKED,
    NOTE_VERIFICATIONS,
)
from swpt_accounts.db.queries import query
from swpt_accounts.observability.events.background import TRANSFERS_UNVERIFIED
from swpt_accounts.observability.log.throttle import LogThrottle
from swpt_accounts.peers.bulkhead import ERROR_SECONDS, Bulkhead
from swpt_accounts.peers.question_batches import Neighbourhoods
from swpt_accounts.peers.reachability_cache import ReachabilityCache
from swpt_accounts.settings import Settings
from swpt_accounts.workers.database_worker import DatabaseWorker
from swpt_accounts.workers.shutdown import ShutdownEvent

if TYPE_CHECKING:
    from swpt_accounts.peers.fetch_client import FetchClient

logger = logging.getLogger(__name__)

NAME = "verify_recipients"
TOPIC = "UnverifiedTransferRequest"
PATIENCE = timedelta(minutes=2)
# After a longer pause, what has been due meanwhile was not asked about.
_PAUSE_SECONDS_MAX = 5.0
_LEASE_EXTRA = timedelta(seconds=10)
_LEASED_COUNT_MAX = 1000
_POLL_SECONDS = 0.05
# How long connections are kept when there is nothing to ask.
_KEPT_SECONDS = 10.0
ROUND_SECONDS = 0.005
# A pause is so many times as long as what the last round took, within bounds: when there is much
# to do, much is done together.
_PAUSE_FACTOR = 4.0
_ROUND_SECONDS_MAX = 0.05
# The longest wait between two queries. After a request it is shorter for a while: there may be
# one that waits for its next attempt.
_IDLE_SECONDS_MAX = 2.0
_WATCHFUL_SECONDS_MAX = 0.5

_HAS_DUE_REQUESTS = query("has_due_requests").encode()

# The requests whose recipient it is about, and what it is.
Answer = tuple[list[int], "asyncio.Task[bool | None]"]
# its id, the debtor, the recipient
Request = tuple[Any, ...]


class RecipientVerifier(DatabaseWorker):
    """Asks the fetch API, outside of any transaction, and lets the requests go on, or rejects them.

    An answer that is late delays no other request, and neither does a shard that does not answer at
    all: what is not asked because of that counts as not answered.
    """

    def __init__(
        self, settings: Settings, shutdown: ShutdownEvent, *, quit_early: bool = False
    ) -> None:
        super().__init__(settings, shutdown, NAME, (TOPIC,), ("unverified_transfer_request",))
        self._quit_early = quit_early
        self._bulkhead = Bulkhead(settings.app_fetch_connections)
        self._throttle = LogThrottle(ERROR_SECONDS)
        self._cache = ReachabilityCache(settings.app_fetch_reachable_cache_seconds)
        self._neighbourhoods = Neighbourhoods(settings.realm.length)
        self._lease = timedelta(seconds=settings.app_fetch_api_timeout_seconds) + _LEASE_EXTRA
        self._at_work_at = -math.inf

    def work(self, connection: DatabaseConnection) -> None:
        """Verify until shutdown; with `quit_early`, until nothing is due."""
        watchful_until = 0.0
        while not self.shutdown.is_requested():
            if rows := self._lease_due(connection, is_woken=True):
                asyncio.run(self._verify(connection, rows))
                watchful_until = monotonic() + PATIENCE.total_seconds()
            elif self._quit_early:
                return
            else:
                self._wait(connection, watchful_until)
            self.note_success()

    def _wait(self, connection: DatabaseConnection, watchful_until: float) -> None:
        """Wait until a request may be due, or until shutdown."""
        while not self.shutdown.is_requested():
            is_watchful = monotonic() < watchful_until
            seconds_max = _WATCHFUL_SECONDS_MAX if is_watchful else _IDLE_SECONDS_MAX
            if connection.wait(seconds_max, self.shutdown) or _has_due_requests(connection):
                return
            self.note_success()

    @property
    def _free_count(self) -> int:
        """How many requests to take: where questions travel together, more than connections."""
        count = self._bulkhead.free_count
        return min(count * self._neighbourhoods.batch_count_max, max(count, _LEASED_COUNT_MAX))

    def _lease_requests(self, connection: DatabaseConnection, count_max: int) -> list[Request]:
        if monotonic() - self._at_work_at > _PAUSE_SECONDS_MAX:
            connection.call(NOTE_UNASKED)
        self._at_work_at = monotonic()
        if count_max == 0:
            return []
        return connection.call_table(
            LEASE_UNVERIFIED_REQUESTS, count_max=count_max, lease=self._lease
        )

    async def _verify(self, connection: DatabaseConnection, rows: list[Request]) -> None:
        """Ask for these requests, and for those that come due until there are none for a while."""
        # The HTTP client takes 10 MB, which an authority with one shard never needs.
        from swpt_accounts.peers.fetch_client import FetchClient

        client = FetchClient(
            self.settings, self._bulkhead, self._throttle, self._cache, self._neighbourhoods
        )
        questions = _Questions(client, connection, self.shutdown)
        kept_until = math.inf
        try:
            while not self.shutdown.is_requested() and monotonic() < kept_until:
                questions.ask(rows)
                is_woken = await questions.wait()
                with questions.round():
                    self._note(connection, questions.take_answers())
                    rows = self._lease_due(connection, is_woken=is_woken)
                self.note_success()
                if rows or questions.open_count:
                    kept_until = math.inf
                elif self._quit_early:
                    break
                else:
                    kept_until = min(kept_until, monotonic() + _KEPT_SECONDS)
            # what is not answered before shutdown is asked again by the next one
            left = [request_id for request_id, _, _ in rows]
            self._note(connection, [(ids, None) for ids in (left, *questions.left())])
        finally:
            await questions.close()
            await client.close()

    def _lease_due(self, connection: DatabaseConnection, *, is_woken: bool) -> list[Request]:
        """Take requests that are due. To look whether there are any is cheaper."""
        connection.keep_alive()
        if not is_woken and not _has_due_requests(connection):
            self._at_work_at = monotonic()
            return []
        return self._lease_requests(connection, self._free_count)

    def _note(
        self, connection: DatabaseConnection, answers: list[tuple[list[int], bool | None]]
    ) -> None:
        ids = [request_id for request_ids, _ in answers for request_id in request_ids]
        are_reachable = [answer for request_ids, answer in answers for _ in request_ids]
        if not ids:
            return
        given_up = connection.call_value(
            NOTE_VERIFICATIONS, id=ids, is_reachable=are_reachable, patience=PATIENCE
        )
        if given_up:
            TRANSFERS_UNVERIFIED.log(logger, count=given_up)


def _has_due_requests(connection: DatabaseConnection) -> bool:
    return bool(connection.probe(_HAS_DUE_REQUESTS))


class _Questions:
    """The questions that are open: each about one recipient, for all requests that name it."""

    def __init__(
        self, client: "FetchClient", connection: DatabaseConnection, shutdown: ShutdownEvent
    ) -> None:
        self._client = client
        self._connection = connection
        self._shutdown = shutdown
        self._open: dict[asyncio.Task[bool | None], list[int]] = {}
        self._answers: list[Answer] = []
        self._is_due = asyncio.Event()
        self._next_round_at = 0.0

    @property
    def open_count(self) -> int:
        return len(self._open) + len(self._answers)

    def ask(self, rows: list[Request]) -> None:
        recipients: dict[tuple[int, int], list[int]] = {}
        for request_id, debtor_id, creditor_id in rows:
            recipients.setdefault((debtor_id, creditor_id), []).append(request_id)
        for recipient, request_ids in recipients.items():
            task = asyncio.create_task(self._client.is_reachable(*recipient))
            self._open[task] = request_ids
            task.add_done_callback(self._on_answer)

    def _on_answer(self, task: asyncio.Task[bool | None]) -> None:
        request_ids = self._open.pop(task, None)
        if request_ids is not None:
            self._answers.append((request_ids, task))
            self._is_due.set()

    async def wait(self) -> bool:
        """Wait for an answer, for a wake-up, for shutdown, or for a moment.

        Returns whether requests have come. While there is more to do, what comes in a few
        milliseconds is taken together: each time costs transactions, which are not for single
        answers.
        """
        is_woken = bool(self._connection.heard()) or await self._wait()
        if self._open or is_woken:
            await asyncio.sleep(self._next_round_at - monotonic())
        return is_woken

    async def _wait(self) -> bool:
        loop = asyncio.get_running_loop()
        sockets = self._connection.raw.pgconn.socket, self._shutdown.fileno()
        is_woken = False

        def wake() -> None:
            nonlocal is_woken
            is_woken = True
            # otherwise it would be told again at once: the socket stays readable
            for socket in sockets:
                loop.remove_reader(socket)
            self._is_due.set()

        for socket in sockets:
            loop.add_reader(socket, wake)
        try:
            async with asyncio.timeout(_POLL_SECONDS if self._open else _WATCHFUL_SECONDS_MAX):
                await self._is_due.wait()
        except TimeoutError:
            pass
        finally:
            for socket in sockets:
                loop.remove_reader(socket)
        return is_woken

    @contextmanager
    def round(self) -> Iterator[None]:
        """What is done with what has come; there is a pause before the next one."""
        started_at = monotonic()
        yield
        ended_at = monotonic()
        pause_seconds = max(ROUND_SECONDS, _PAUSE_FACTOR * (ended_at - started_at))
        self._next_round_at = ended_at + min(pause_seconds, _ROUND_SECONDS_MAX)

    def take_answers(self) -> list[tuple[list[int], bool | None]]:
        answers, self._answers = self._answers, []
        self._is_due.clear()
        return [(request_ids, task.result()) for request_ids, task in answers]

    def left(self) -> list[list[int]]:
        """The requests whose answers have not been taken."""
        return [*self._open.values(), *(request_ids for request_ids, _ in self._answers)]

    async def close(self) -> None:
        """Wait for no more answers."""
        for task in (tasks := list(self._open)):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
