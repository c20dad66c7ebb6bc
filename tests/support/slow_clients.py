"""Clients of an HTTP server that are slow, silent, or never read."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice

_HEAD = b" HTTP/1.1\r\nHost: x\r\n"


class SlowClient:
    """A connection. What it sends first is sent at once, the rest byte by byte, again and again."""

    def __init__(self, port: int, first: bytes, rest: bytes = b"", *, reads: bool = True) -> None:
        self._sock = socket.socket()
        if not reads:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._sock.settimeout(10)
        self._sock.connect(("127.0.0.1", port))
        self._sock.setblocking(False)
        self._rest = cycle(rest)
        self._reads = reads
        self.is_closed = False
        self.is_slow = bool(rest) or b"\r\n\r\n" not in first
        self._send(first)

    def _send(self, data: bytes) -> None:
        try:
            self._sock.send(data)
        except BlockingIOError:
            pass
        except OSError:
            self.is_closed = True

    def go_on(self) -> None:
        """Send the next byte, and note what the server has done."""
        if not self.is_closed:
            self._send(bytes(islice(self._rest, 1)))
            self._look()

    def _look(self) -> None:
        try:
            while self._reads and not self.is_closed:
                self.is_closed = not self._sock.recv(65536)
        except BlockingIOError:
            pass
        except OSError:
            self.is_closed = True

    def close(self) -> None:
        self._sock.close()


@contextmanager
def slow_clients(port: int, path: str, count: int) -> Iterator[list[SlowClient]]:
    """So many of each kind in turn: silent, dripping, idle, and those that do not read."""
    get = b"GET " + path.encode() + _HEAD
    post = b"POST " + path.encode() + _HEAD + b"Content-Length: 900\r\n\r\n"
    made: list[SlowClient] = []
    try:
        for i in range(count):
            match i % 6:
                case 0:
                    made.append(SlowClient(port, b""))
                case 1:
                    made.append(SlowClient(port, b"G"))
                case 2:
                    made.append(SlowClient(port, get, b"X: y\r\n"))
                case 3:
                    made.append(SlowClient(port, post, b"x"))
                case 4:
                    made.append(SlowClient(port, (get + b"\r\n") * 50, get, reads=False))
                case _:
                    made.append(SlowClient(port, get + b"\r\n"))
        yield made
    finally:
        for client in made:
            client.close()
