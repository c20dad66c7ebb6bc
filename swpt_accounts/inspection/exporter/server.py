"""The web server of the exporter: /metrics, /live, /ready.

One thread reads requests and sends answers, each within a time limit, so nobody waits for a slow
client. Metrics are collected by another thread, so a probe of the health waits for nobody.
"""

import asyncio
import logging
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from typing import Any, Final, cast

from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import CollectorRegistry

from swpt_accounts.inspection.exporter.collector import MetricsCollector
from swpt_accounts.inspection.exporter.health import HealthPoller, Probe, describe
from swpt_accounts.observability.events.lifecycle import REQUEST_FAILED
from swpt_accounts.observability.heartbeat import SLICE_SECONDS, beat
from swpt_accounts.observability.metrics.recorder import report_healthy
from swpt_accounts.observability.worker_names import EXPORTER
from swpt_accounts.workers.shutdown import ShutdownEvent

logger = logging.getLogger(__name__)

CONNECTIONS_COUNT_MAX: Final = 200
_REQUEST_SECONDS_MAX: Final = 5.0
_ANSWER_SECONDS_MAX: Final = 15.0
_HEAD_BYTES_MAX: Final = 65_536
# So many are accepted at once, too.
_BACKLOG: Final = 100
_HEALTH_REQUESTS: Final = (b"GET /live", b"GET /ready", b"HEAD /live", b"HEAD /ready")
_PARENT_SECONDS: Final = 0.5


class _Handler(BaseHTTPRequestHandler):
    """Answers a request that has come, into a buffer."""

    server_version = "swpt_accounts"
    sys_version = ""

    def __init__(self, head: bytes, registry: CollectorRegistry, health: HealthPoller) -> None:
        self.registry = registry
        self.health = health
        self.rfile = BytesIO(head)
        self.wfile = self.answer = BytesIO()
        self.client_address = ("", 0)
        self.handle_one_request()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            encode, content_type = choose_encoder(self.headers.get("Accept") or "")
            self._answer(HTTPStatus.OK, content_type, encode(self.registry))
        elif path in ("/live", "/ready"):
            problems = self.health.problems(Probe(path[1:]))
            status = HTTPStatus.SERVICE_UNAVAILABLE if problems else HTTPStatus.OK
            self._answer_text(status, *describe(self.health.settings, problems))
        else:
            self._answer_text(HTTPStatus.NOT_FOUND, "not found: use /metrics, /live or /ready")

    do_HEAD = do_GET

    def _answer_text(self, status: HTTPStatus, *lines: str) -> None:
        text = "".join(f"{line}\n" for line in lines)
        self._answer(status, "text/plain; charset=utf-8", text.encode())

    def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_arguments: Any) -> None:
        """Log nothing: there is a scrape every few seconds."""


class ExporterServer:
    name = EXPORTER

    def __init__(
        self, shutdown: ShutdownEvent, port: int, collector: MetricsCollector, health: HealthPoller
    ) -> None:
        """Listen. Raises `OSError` where that is impossible."""
        self._shutdown = shutdown
        self._registry = CollectorRegistry()
        self._registry.register(collector)
        self._health = health
        self._reading: dict[int, asyncio.Task[None]] = {}
        self._answering: dict[int, asyncio.Task[None]] = {}
        self._collecting = ThreadPoolExecutor(1, "metrics")
        self._socket = socket.create_server(("", port))

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        stopped = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._shutdown.fileno(), stopped.set)
        server = await asyncio.start_server(
            self._meet, sock=self._socket, limit=_HEAD_BYTES_MAX, backlog=_BACKLOG
        )
        report_healthy()
        while not stopped.is_set():
            beat()
            with suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), SLICE_SECONDS)
        server.close()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer a client. If there are too many, one that waits longest has to go."""
        if len(self._reading) + len(self._answering) >= CONNECTIONS_COUNT_MAX:
            slow = self._reading or self._answering
            slow.pop(next(iter(slow))).cancel()
        me = id(writer)
        self._reading[me] = cast("asyncio.Task[None]", asyncio.current_task())
        try:
            async with asyncio.timeout(_REQUEST_SECONDS_MAX):
                head = await reader.readuntil(b"\r\n\r\n")
            self._answering[me] = self._reading.pop(me)
            async with asyncio.timeout(_ANSWER_SECONDS_MAX):
                writer.write(await self._answer(head))
                writer.close()
                await writer.wait_closed()
        except (Exception, asyncio.CancelledError):
            REQUEST_FAILED.log(logger)
        finally:
            self._reading.pop(me, None)
            self._answering.pop(me, None)
            writer.transport.abort()

    async def _answer(self, head: bytes) -> bytes:
        def answer() -> bytes:
            return _Handler(head, self._registry, self._health).answer.getvalue()

        if head.startswith(_HEALTH_REQUESTS):
            return answer()
        return await asyncio.get_running_loop().run_in_executor(self._collecting, answer)


def stop_with_parent(pid: int, shutdown: ShutdownEvent) -> None:
    """Request the stop when this process is not the parent any more: it has ended."""
    while os.getppid() == pid and not shutdown.wait(_PARENT_SECONDS):
        pass
    shutdown.request()
