"""gunicorn's worker of the fetch API: what waits at the same moment is answered by one statement.

Whether an account is reachable is what other shards ask all day, over connections that they keep.
Such a question needs no thread, and no parser, from the second one of a connection on: its first
line is matched as a whole, and all that follows is what gunicorn has accepted with the one before,
byte for byte. The database is asked about all that have come while it was answering; so there is no
delay when there is little to do. Everything else goes the way of all requests.
"""

from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from selectors import EVENT_READ
from threading import Thread
from time import monotonic
from typing import Any, Final

import psycopg
from gunicorn import SERVER
from gunicorn.util import http_date

from swpt_accounts.core.account_lists import Account
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.web.database import kept_connection, receive_answer, send_question
from swpt_accounts.web.fetch_api import BROKEN, Answer, FetchApi
from swpt_accounts.workers.web_worker import Connection, WebWorker

_END_OF_HEAD: Final = b"\r\n\r\n"
_JUDGED_BYTES_MAX: Final = 2048

Batch = list[tuple[Connection, Account]]


class FetchWorker(WebWorker):
    """Its loop takes the questions, and sends the answers."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Each connection's last request after its first line, which gunicorn has judged.
        self._judged: dict[Connection, bytes] = {}
        self._asked: dict[Connection, Account] = {}
        self._batches: SimpleQueue[Batch] = SimpleQueue()
        self._is_asking = False
        # That of the thread, which does not use it while the loop does.
        self._connection: DatabaseConnection | None = None
        others = self.cfg.accesslog, self.cfg.statsd_host, self.cfg.max_requests
        self._is_quick = self.cfg.keepalive > 0 and not any(others)

    def init_process(self) -> None:
        Thread(target=self._answer, name="answers", daemon=True).start()
        super().init_process()

    def enqueue_req(self, conn: Connection) -> None:
        """Answer a request: together with others, or by a thread."""
        line, _, rest = bytes(conn.received).partition(b"\r\n")
        judged = self._judged.pop(conn, None)
        is_quick = self._is_quick and judged == rest and self.alive
        account = self._api.account_of(line) if is_quick else None
        if 0 <= rest.find(_END_OF_HEAD) == len(rest) - 4 < _JUDGED_BYTES_MAX:
            self._judged[conn] = rest
        if account is None:
            super().enqueue_req(conn)
            return
        conn.received.clear()
        conn.is_idle = False
        conn.since = monotonic()
        # It may be cancelled to make room.
        self._queued[conn] = future = Future[bool]()
        future.add_done_callback(lambda done: self.finish_request(conn, done))
        self._asked[conn] = account

    @property
    def _api(self) -> FetchApi:
        api: FetchApi = self.wsgi
        return api

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Wait for events, and then ask about all that they have brought."""
        super().wait_for_and_dispatch_events(timeout)
        if not self._asked or self._is_asking:
            return
        asked, self._asked = self._asked, {}
        begun = [
            (conn, account)
            for conn, account in asked.items()
            if conn in self._queued and self._queued[conn].set_running_or_notify_cancel()
        ]
        if begun:
            self._is_asking = True
            self._ask(begun)

    def _ask(self, batch: Batch) -> None:
        """Ask the database. Where that may take long, or goes wrong, it is for the thread."""
        if self._connection is not None:
            with suppress(psycopg.Error):
                fd = send_question(self._connection, [account for _, account in batch])
                on_answer = partial(self._on_answer, batch, monotonic())
                self.poller.register(fd, EVENT_READ, on_answer)
                return
        self._batches.put(batch)

    def _on_answer(self, batch: Batch, asked_at: float, fd: int) -> None:
        assert self._connection is not None
        try:
            found = receive_answer(self._connection)
        except psycopg.Error:
            self.poller.unregister(fd)
            self._batches.put(batch)
            return
        if found is not None:
            self.poller.unregister(fd)
            self._finish(batch, self._api.answers(found, asked_at), self._connection)

    def _answer(self) -> None:
        """In a thread, as long as the process lives."""
        while True:
            batch = self._batches.get()
            try:
                answers = self._api.are_reachable([account for _, account in batch])
            except Exception:
                self.log.exception("Questions about %d accounts failed.", len(batch))
                answers = [BROKEN] * len(batch)
            self.method_queue.defer(self._finish, batch, answers, kept_connection())

    def _finish(
        self, batch: Batch, answers: Sequence[Answer], connection: DatabaseConnection | None
    ) -> None:
        self._is_asking = False
        self._connection = connection
        date = http_date()
        texts = {answer: _text(answer, date) for answer in set(answers)}
        for (conn, _), answer in zip(batch, answers, strict=True):
            del self._queued[conn]
            conn.sock.sendall(texts[answer])
            conn.send()
            self._after_request(conn)

    def _drop(self, connection: Connection) -> None:
        self._judged.pop(connection, None)
        super()._drop(connection)


def _text(answer: Answer, date: str) -> bytes:
    """As gunicorn sends it."""
    lines = (
        f"HTTP/1.1 {answer.status}",
        f"Server: {SERVER}",
        f"Date: {date}",
        "Connection: keep-alive",
        *(f"{name}: {value}" for name, value in answer.headers),
    )
    return "\r\n".join((*lines, "\r\n")).encode("latin-1") + answer.body
