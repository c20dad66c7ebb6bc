"""Sends each question about an account to its shard: what docker/verify needs of the real proxy.

Reads $APIPROXY_CONFIG_FILE: lines with a shard's bit prefix and `#`, a space, and its base URL.
"""

import os
import urllib.error
import urllib.request
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HANDED_ON = ("Cache-Control", "Content-Type", "Vary")
TIMEOUT_SECONDS = 10


def read_shards(text: str) -> list[tuple[str, str]]:
    """The bit prefixes, without dots, and the base URLs."""
    shards = []
    for line in text.splitlines():
        key, _, url = line.strip().partition(" ")
        shards.append((key.rstrip("#").replace(".", ""), url.strip()))
    return shards


def account_bits(debtor_id: int, creditor_id: int) -> str:
    """The bits by which accounts are spread. In paths, the ids are unsigned.

    The image has nothing but this file, so it has a copy of its own of this rule.
    """
    ids = debtor_id.to_bytes(8, "big") + creditor_id.to_bytes(8, "big")
    return f"{int.from_bytes(md5(ids, usedforsecurity=False).digest()[:3], 'big'):024b}"


class Handler(BaseHTTPRequestHandler):
    """Answers a request."""

    protocol_version = "HTTP/1.1"
    shards: list[tuple[str, str]] = []

    def _find_shard(self) -> str:
        """The base URL. Raises `ValueError`."""
        words = self.path.split("/")
        bits = account_bits(int(words[2]), int(words[3])) if len(words) == 5 else ""
        for prefix, url in self.shards:
            if bits.startswith(prefix) or not bits:
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
        except (ValueError, OverflowError):
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
