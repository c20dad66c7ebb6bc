"""The thread that asks whether recipients in other shards accept transfers."""

import asyncio
import logging
from collections.abc import Iterable
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.procedures import LEASE_UNVERIFIED_REQUESTS, NOTE_VERIFICATIONS
from swpt_accounts.db.queries import query
from swpt_accounts.events.work import TRANSFERS_UNVERIFIED
from swpt_accounts.peers.complaints import Complaints
from swpt_accounts.peers.known import KnownRecipients
from swpt_accounts.peers.lanes import Lanes
from swpt_accounts.settings import Settings
from swpt_accounts.workers.database_worker import DatabaseWorker
from swpt_accounts.workers.stopping import Stop

if TYPE_CHECKING:
    from swpt_accounts.peers.client import FetchClient

logger = logging.getLogger(__name__)

NAME = "verify_recipients"
TOPIC = "UnverifiedTransferRequest"
PATIENCE = timedelta(minutes=2)
_LEASE_EXTRA = timedelta(seconds=10)
_POLL_SECONDS = 0.05
# The longest wait between two queries. After a request it is shorter for a while: there may be
# one that waits for its next attempt.
_IDLE_SECONDS_MAX = 2.0
_WATCHFUL_SECONDS_MAX = 0.5

_HAS_DUE_REQUESTS = query("has_due_requests").encode()

Answer = asyncio.Task[bool | None]
# its id, the debtor, the recipient
Request = tuple[Any, ...]


class VerifyingWorker(DatabaseWorker):
    """Asks the fetch API, outside of any transaction, and lets the requests go on, or rejects them.

    An answer that is late delays no other request, and neither does a shard that does not answer at
    all: what is not asked because of that counts as not answered.
    """

    def __init__(self, settings: Settings, stop: Stop, *, quit_early: bool = False) -> None:
        super().__init__(settings, stop, NAME, (TOPIC,), ("unverified_transfer_request",))
        self._quit_early = quit_early
        self._lanes = Lanes(settings.app_fetch_connections)
        self._complaints = Complaints()
        self._known = KnownRecipients(settings.app_fetch_reachable_cache_seconds)
        self._lease = timedelta(seconds=settings.app_fetch_api_timeout_seconds) + _LEASE_EXTRA

    def work(self, connection: DatabaseConnection) -> None:
        """Verify until the stop; with `quit_early`, until nothing is due."""
        watchful_until = 0.0
        while not self.stop.is_requested():
            if rows := self._lease_requests(connection, self._lanes.free_count):
                asyncio.run(self._verify(connection, rows))
                watchful_until = monotonic() + PATIENCE.total_seconds()
            elif self._quit_early:
                return
            else:
                self._wait(connection, watchful_until)
            self.note_success()

    def _wait(self, connection: DatabaseConnection, watchful_until: float) -> None:
        """Wait until a request may be due, or until the stop."""
        while not self.stop.is_requested():
            is_watchful = monotonic() < watchful_until
            seconds_max = _WATCHFUL_SECONDS_MAX if is_watchful else _IDLE_SECONDS_MAX
            if connection.wait(seconds_max, self.stop) or connection.probe(_HAS_DUE_REQUESTS):
                return
            self.note_success()

    def _lease_requests(self, connection: DatabaseConnection, count_max: int) -> list[Request]:
        return (
            []
            if count_max == 0
            else connection.call_table(
                LEASE_UNVERIFIED_REQUESTS, count_max=count_max, lease=self._lease
            )
        )

    async def _verify(self, connection: DatabaseConnection, rows: list[Request]) -> None:
        """Ask for these requests, and for those that come due meanwhile."""
        # The HTTP client takes 10 MB, which an authority with one shard never needs.
        from swpt_accounts.peers.client import FetchClient

        client = FetchClient(self.settings, self._lanes, self._complaints, self._known)
        asked: dict[Answer, list[int]] = {}
        try:
            while (rows or asked) and not self.stop.is_requested():
                _ask(client, rows, asked)
                done = await _wait_for_any(connection, asked)
                self._note(connection, [(asked.pop(task), task.result()) for task in done])
                rows = self._lease_requests(connection, self._lanes.free_count)
                self.note_success()
            # what is not answered before the stop is asked again by the next one
            left = [request_id for request_id, _, _ in rows]
            self._note(connection, [(ids, None) for ids in [left, *asked.values()]])
        finally:
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
            await client.close()

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
            TRANSFERS_UNVERIFIED.tell(logger, count=given_up)


async def _wait_for_any(connection: DatabaseConnection, asked: Iterable[Answer]) -> set[Answer]:
    """Wait for an answer, for a wake-up, or for a moment. Returns what is answered."""
    loop = asyncio.get_running_loop()
    is_woken: asyncio.Future[Any] = loop.create_future()

    def wake() -> None:
        if not is_woken.done():
            is_woken.set_result(None)

    # else the socket would stay readable; a notice that came since the last look waits for the poll
    connection.heard()
    loop.add_reader(connection.raw.pgconn.socket, wake)
    try:
        await asyncio.wait(
            [*asked, is_woken], timeout=_POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        loop.remove_reader(connection.raw.pgconn.socket)
    return {task for task in asked if task.done()}


def _ask(client: "FetchClient", rows: list[Request], asked: dict[Answer, list[int]]) -> None:
    """Start to ask for requests, about each recipient once."""
    recipients: dict[tuple[int, int], list[int]] = {}
    for request_id, debtor_id, creditor_id in rows:
        recipients.setdefault((debtor_id, creditor_id), []).append(request_id)
    for recipient, request_ids in recipients.items():
        asked[asyncio.create_task(client.is_reachable(*recipient))] = request_ids
