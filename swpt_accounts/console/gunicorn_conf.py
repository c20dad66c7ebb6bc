"""How gunicorn runs the console: `gunicorn --config python:swpt_accounts.console.gunicorn_conf`.

CONSOLE_ADDRESS, for development only, is the address to listen on; all of them by default.
"""

import os
import sys
import threading
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ
from socket import SHUT_RDWR
from time import monotonic
from typing import Any, Final

from gunicorn.http.wsgi import Response
from gunicorn.workers.gthread import TConn, ThreadWorker

from swpt_accounts.observability.log import configure_logging, gunicorn_logger
from swpt_accounts.settings import SettingsError, load_settings

try:
    _settings = load_settings(os.environ)
except SettingsError as error:
    sys.exit(f"swpt_accounts: {error}")
configure_logging(_settings)

# Until the headers have come; and from then on, until the answer has gone.
_HEAD_SECONDS_MAX: Final = 5.0
_REQUEST_SECONDS_MAX: Final = 30.0


class _PatientWorker(ThreadWorker):  # type: ignore[misc] # gunicorn has no types
    """Gives a thread only to clients that say something, and to none of them for long."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadlines: dict[Any, float] = {}
        self._lock = threading.Lock()

    def accept(self, listener: Any) -> None:
        """Wait for the first byte of a new connection without a thread."""
        try:
            client, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        conn = TConn(self.cfg, client, address, listener.getsockname())
        conn.timeout = monotonic() + self.cfg.keepalive
        self.nr_conns += 1
        self.pending_conns.append(conn)
        readable = partial(self.on_pending_socket_readable, conn)
        self.poller.register(client, EVENT_READ, readable)

    def handle(self, conn: Any) -> Any:
        self._limit(conn, _HEAD_SECONDS_MAX)
        try:
            return super().handle(conn)
        finally:
            with self._lock:
                del self._deadlines[conn]

    def handle_request(self, req: Any, conn: Any) -> Any:
        self._limit(conn, _REQUEST_SECONDS_MAX)
        return super().handle_request(req, conn)

    def _limit(self, conn: Any, seconds: float) -> None:
        with self._lock:
            self._deadlines[conn] = monotonic() + seconds

    def murder_pending(self) -> None:
        """Called about once a second. Also ends what takes too long."""
        super().murder_pending()
        now = monotonic()
        with self._lock:
            late = [conn for conn, deadline in self._deadlines.items() if deadline < now]
        for conn in late:
            with suppress(OSError):
                conn.sock.shutdown(SHUT_RDWR)


def _nameless_headers(self: Any) -> list[str]:
    """What gunicorn would send, without its name."""
    headers: list[str] = _default_headers(self)
    return [header for header in headers if not header.startswith("Server:")]


_default_headers = Response.default_headers
Response.default_headers = _nameless_headers

bind = f"{os.environ.get('CONSOLE_ADDRESS', '')}:{_settings.console_port}"
# One process: the last hour is in its memory. Its threads bound what is asked at once.
workers = 1
threads = 8
worker_class = _PatientWorker
worker_connections = 200
keepalive = 15
graceful_timeout = 4
limit_request_line = 2048
limit_request_fields = 60
control_socket_disable = True
# No header says where the program is mounted, or by which scheme it was asked.
forwarded_allow_ips = ""
forwarder_headers = ""
loglevel = gunicorn_logger.level_name(_settings)
logconfig_dict = gunicorn_logger.LOGGERS


def post_worker_init(worker: Any) -> None:
    """Take samples from now on, not from the first visit."""
    from swpt_accounts.console.context import console_of

    console_of(worker.wsgi).sampler.start()
