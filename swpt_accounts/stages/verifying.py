"""The thread that asks whether recipients in other shards accept transfers."""

import asyncio
import logging
from datetime import timedelta

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.settings import Settings
from swpt_accounts.web.client import FetchClient
from swpt_accounts.workers.database_worker import DatabaseWorker
from swpt_accounts.workers.stopping import Stop

logger = logging.getLogger(__name__)

NAME = "verify_recipients"
TOPIC = "UnverifiedTransferRequest"
PATIENCE = timedelta(minutes=2)
_LEASE_EXTRA = timedelta(seconds=10)
_POLL_SECONDS = 0.05
# How long an idle look takes at most: a request waits for its next attempt in the table.
_IDLE_SECONDS_MAX = 0.5

Answers = asyncio.Task[bool | None]


class VerifyingWorker(DatabaseWorker):
    """Asks the fetch API, outside of any transaction, and lets the requests go on, or rejects them.

    An answer that is late keeps nobody else waiting.
    """

    def __init__(self, settings: Settings, stop: Stop, *, quit_early: bool = False) -> None:
        super().__init__(settings, stop, NAME, (TOPIC,), ("unverified_transfer_request",))
        self._quit_early = quit_early
        self._lease = timedelta(seconds=settings.app_fetch_api_timeout_seconds) + _LEASE_EXTRA

    def work(self, connection: DatabaseConnection) -> None:
        """Verify until the stop; with `quit_early`, until nothing is due."""
        with asyncio.Runner() as runner:
            runner.run(self._verify(connection))

    async def _verify(self, connection: DatabaseConnection) -> None:
        client = FetchClient(self.settings)
        asked: dict[Answers, list[int]] = {}
        try:
            while not self.stop.is_requested():
                self._ask(connection, client, asked)
                if asked:
                    done, _ = await asyncio.wait(
                        asked, timeout=_POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED
                    )
                    self._note(connection, [(asked.pop(task), task.result()) for task in done])
                elif self._quit_early:
                    return
                else:
                    connection.wait(_IDLE_SECONDS_MAX, self.stop)
                self.note_success()
        finally:
            for task in asked:
                task.cancel()
            await client.close()

    def _ask(
        self, connection: DatabaseConnection, client: FetchClient, asked: dict[Answers, list[int]]
    ) -> None:
        """Start to ask for the requests that are due, each recipient once."""
        free_count = self.settings.app_fetch_connections - len(asked)
        if free_count <= 0:
            return
        rows = connection.call_table("lease_unverified_requests_v1", free_count, self._lease)
        recipients: dict[tuple[int, int], list[int]] = {}
        for request_id, debtor_id, creditor_id in rows:
            recipients.setdefault((debtor_id, creditor_id), []).append(request_id)
        for recipient, request_ids in recipients.items():
            asked[asyncio.create_task(client.is_reachable(*recipient))] = request_ids

    def _note(
        self, connection: DatabaseConnection, answers: list[tuple[list[int], bool | None]]
    ) -> None:
        ids = [request_id for request_ids, _ in answers for request_id in request_ids]
        are_reachable = [answer for request_ids, answer in answers for _ in request_ids]
        if not ids:
            return
        (given_up,) = connection.call("note_verifications_v1", ids, are_reachable, PATIENCE)
        if given_up:
            logger.error(
                "%d transfers are rejected: it stays unknown whether their recipients exist.",
                given_up,
            )
