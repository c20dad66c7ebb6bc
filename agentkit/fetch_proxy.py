"""The proxy before the web servers of several shards."""

import http.client
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from agentkit.authority import Authority
from agentkit.keys import signed

_HOST = "127.0.0.1"


class _Handler(BaseHTTPRequestHandler):
    """Forwards a request to the shard of its account."""

    protocol_version = "HTTP/1.1"
    server: "FetchProxy"

    def setup(self) -> None:
        super().setup()
        self.upstreams: dict[int, http.client.HTTPConnection] = {}

    def do_GET(self) -> None:
        proxy = self.server
        proxy.paths.append(self.path)
        proxy.gate.wait()
        if proxy.status is not None:
            self._answer(proxy.status, b"")
            return
        try:
            response, body = self._ask(proxy.port_for(self.path))
            cache_control = response.headers.get("Cache-Control", "no-store")
            self._answer(response.status, body, cache_control)
        except (OSError, http.client.HTTPException):
            self._answer(502, b"")

    def _ask(self, port: int) -> tuple[http.client.HTTPResponse, bytes]:
        """Ask over a kept connection; once more over a new one, if that was closed meanwhile."""
        kept = self.upstreams.pop(port, None)
        for upstream in filter(None, (kept, http.client.HTTPConnection(_HOST, port, timeout=10))):
            try:
                upstream.request("GET", self.path)
                response = upstream.getresponse()
                body = response.read()
            except (OSError, http.client.HTTPException):
                upstream.close()
                if upstream is not kept:
                    raise
            else:
                self.upstreams[port] = upstream
                break
        return response, body

    def finish(self) -> None:
        for upstream in self.upstreams.values():
            upstream.close()
        super().finish()

    def _answer(self, status: int, body: bytes, cache_control: str = "no-store") -> None:
        try:
            self.send_response(status)
            self.send_header("Cache-Control", cache_control)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass  # the client did not wait

    def log_message(self, *_: object) -> None:
        pass


class FetchProxy(ThreadingHTTPServer):
    """The fetch API of all shards together. It can be made silent, or unwell."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((_HOST, 0), _Handler)
        self.url = f"http://{_HOST}:{self.server_port}"
        self.shards: Sequence[Authority] = ()
        self.paths: list[str] = []
        self.status: int | None = None
        """What it answers, instead of asking a shard."""
        self.gate = threading.Event()
        """As long as this is not set, it does not answer."""
        self.gate.set()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,))
        self._thread.start()

    def port_for(self, path: str) -> int:
        """The port of the shard to which the account in a path belongs."""
        debtor_id, creditor_id = (signed(part) for part in path.split("/")[2:4])
        return next(s.port for s in self.shards if s.contains(debtor_id, creditor_id))

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients go away while they wait."""

    def close(self) -> None:
        self.gate.set()
        self.shutdown()
        self._thread.join()
        self.server_close()
