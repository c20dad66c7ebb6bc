"""A fetch API of other shards, some of which hang."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from agentkit.keys import signed
from swpt_accounts.core.realm import Realm

ROOT_CONFIG = b'{"type": "RootConfigData", "rate": 5.5}'


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "FetchApi"

    def do_GET(self) -> None:
        debtor_id, creditor_id = (signed(part) for part in self.path.split("/")[2:4])
        with self.server.counting:
            if self.server.hanging.contains(debtor_id, creditor_id):
                self._hang()
        body = ROOT_CONFIG if self.path.endswith("/config") else b""
        self.send_response(200 if body else 204)
        if body:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _hang(self) -> None:
        """Wait until the shard is back, or the client has gone."""
        while not self.server.is_back.wait(0.02):
            are_readable, _, _ = select.select([self.connection], [], [], 0)
            if are_readable and not self.connection.recv(1, socket.MSG_PEEK):
                return

    def log_message(self, *_: object) -> None:
        pass


class _Counting:
    """Counts who is in it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.count = 0
        self.total = 0
        self.most = 0

    def __enter__(self) -> None:
        with self._lock:
            self.count += 1
            self.total += 1
            self.most = max(self.most, self.count)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.count -= 1


class FetchApi(ThreadingHTTPServer):
    """All accounts exist, and all debtors want the same rate. The accounts of one realm hang."""

    daemon_threads = True
    request_queue_size = 1000

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.hanging = Realm.parse("#")
        self.is_back = threading.Event()
        """As long as this is not set, the realm hangs."""
        self.counting = _Counting()
        """The requests that are answered now."""
        self.connections_count = 0
        """How many have been made."""

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection."""
        self.connections_count += 1
        return super().get_request()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients go away while they wait."""


@contextmanager
def serve_fetch_api() -> Iterator[FetchApi]:
    """Serves until the context ends."""
    api = FetchApi()
    thread = threading.Thread(target=api.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield api
    finally:
        api.is_back.set()
        api.shutdown()
        thread.join()
        api.server_close()
