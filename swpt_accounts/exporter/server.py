"""The web server of the exporter: /metrics, /live, /ready."""

import logging
import os
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import BoundedSemaphore, Thread
from typing import Any, Final

from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import CollectorRegistry

from swpt_accounts.core.worker_names import EXPORTER
from swpt_accounts.exporter.collector import MetricsCollector
from swpt_accounts.exporter.health import HealthPoller, Probe, describe
from swpt_accounts.observability.events.lifecycle import REQUEST_FAILED
from swpt_accounts.observability.metrics.recorder import report_healthy
from swpt_accounts.workers.shutdown import ShutdownEvent

logger = logging.getLogger(__name__)

REQUESTS_COUNT_MAX: Final = 16
_REQUEST_SECONDS_MAX: Final = 5.0
_PARENT_SECONDS: Final = 0.5


class _Server(ThreadingHTTPServer):
    """Answers a few requests at once; more than these are turned away."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, registry: CollectorRegistry, health: HealthPoller) -> None:
        self.registry = registry
        self.health = health
        self._free = BoundedSemaphore(REQUESTS_COUNT_MAX)
        super().__init__(("", port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        REQUEST_FAILED.log(logger)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "swpt_accounts"
    sys_version = ""
    timeout = _REQUEST_SECONDS_MAX

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            encode, content_type = choose_encoder(self.headers.get("Accept") or "")
            self._answer(HTTPStatus.OK, content_type, encode(self.server.registry))
        elif path in ("/live", "/ready"):
            health = self.server.health
            problems = health.problems(Probe(path[1:]))
            status = HTTPStatus.SERVICE_UNAVAILABLE if problems else HTTPStatus.OK
            self._answer_text(status, *describe(health.settings, problems))
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
    """Serves until the stop."""

    name = EXPORTER

    def __init__(
        self, stop: ShutdownEvent, port: int, collector: MetricsCollector, health: HealthPoller
    ) -> None:
        """Listen. Raises `OSError` where that is impossible."""
        self._stop = stop
        registry = CollectorRegistry()
        registry.register(collector)
        self._server = _Server(port, registry, health)

    def run(self) -> None:
        """Answer requests until the stop."""
        Thread(target=self._server.serve_forever, name="requests", daemon=True).start()
        report_healthy()
        while not self._stop.wait(None):
            pass
        self._server.shutdown()
        self._server.server_close()


def stop_with_parent(pid: int, stop: ShutdownEvent) -> None:
    """Request the stop when this process is not the parent any more: it has ended."""
    while os.getppid() == pid and not stop.wait(_PARENT_SECONDS):
        pass
    stop.request()
