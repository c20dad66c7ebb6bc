"""Sends each question about an account to its shard: what docker/verify needs of the real proxy.

Reads $APIPROXY_CONFIG_FILE: lines with a shard's bit prefix and `#`, a space, and its base URL.
"""

import os
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from swpt_accounts.core.realm import Realm

HANDED_ON = ("Cache-Control", "Content-Type", "Vary")
TIMEOUT_SECONDS = 10


def read_shards(text: str) -> list[tuple[Realm, str]]:
    """The realms of the shards, and their base URLs."""
    pairs = [line.strip().partition(" ")[::2] for line in text.splitlines()]
    return [(Realm.parse(key), url.strip()) for key, url in pairs]


def signed(text: str) -> int:
    """An id in a path is unsigned. Raises `ValueError`."""
    n = int(text)
    if not 0 <= n < 1 << 64:
        raise ValueError(n)
    return n - (1 << 64) if n >= 1 << 63 else n


class Handler(BaseHTTPRequestHandler):
    """Answers a request."""

    protocol_version = "HTTP/1.1"
    shards: list[tuple[Realm, str]] = []

    def _find_shard(self) -> str:
        """The base URL. Raises `ValueError`."""
        words = self.path.split("/")
        for realm, url in self.shards:
            if len(words) != 5 or realm.contains(signed(words[2]), signed(words[3])):
                return url
        raise ValueError

    def do_GET(self) -> None:
        """A name that the base class demands."""
        if self.path == "/healthz":
            self._answer(200, {}, b"OK\n")
            return
        try:
            url = f"{self._find_shard()}{self.path}"
            response = urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS)  # noqa: S310
        except urllib.error.HTTPError as error:
            response = error
        except ValueError:
            self._answer(404, {}, b"")
            return
        except OSError:
            self._answer(502, {}, b"")
            return
        with response:
            headers = {n: response.headers[n] for n in HANDED_ON if n in response.headers}
            self._answer(response.status, headers, response.read())

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status != 204:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


if __name__ == "__main__":
    Handler.shards = read_shards(Path(os.environ["APIPROXY_CONFIG_FILE"]).read_text())
    port = int(os.environ.get("APIPROXY_PORT", "8080"))
    ThreadingHTTPServer(("", port), Handler).serve_forever()
