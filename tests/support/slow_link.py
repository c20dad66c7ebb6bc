"""A slow link: a proxy that passes bytes on at a pace, or holds them back."""

import socket
import threading
import time
from contextlib import suppress
from urllib.parse import urlsplit, urlunsplit

_BEAT_SECONDS = 0.05
_BUFFER_BYTES = 4096


class SlowLink:
    """Listens at `url`, which is the URL of a server but for the host and port.

    Each direction of each connection has the pace for itself.
    """

    def __init__(self, url: str, bytes_per_second: int | None = None) -> None:
        """None: as fast as it goes."""
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self._server = (parts.hostname, parts.port)
        self.bytes_per_second = bytes_per_second
        """May be changed at any moment."""
        self._is_open = threading.Event()
        self._is_open.set()
        self._sockets: list[socket.socket] = []
        self._clients: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        credentials, at, _ = parts.netloc.rpartition("@")
        port = self._listener.getsockname()[1]
        self.url = urlunsplit(parts._replace(netloc=f"{credentials}{at}127.0.0.1:{port}"))
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def hold(self) -> None:
        """From now on, nothing that a client sends is passed on."""
        self._is_open.clear()

    def let_go(self) -> None:
        """Pass on what was held back, and all that follows."""
        self._is_open.set()

    def say(self, data: bytes) -> None:
        """Send something to all clients that comes from no server. For whole frames, when idle."""
        for client in self._clients:
            client.sendall(data)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
                server = socket.create_connection(self._server)
                self._sockets += (client, server)
                self._clients.append(client)
                for pair in ((client, server, True), (server, client, False)):
                    thread = threading.Thread(target=self._pass_on, args=pair, daemon=True)
                    self._threads.append(thread)
                    thread.start()

    def _pass_on(self, source: socket.socket, target: socket.socket, is_outgoing: bool) -> None:
        with suppress(OSError):
            while data := source.recv(self._chunk_bytes()):
                if is_outgoing:
                    self._is_open.wait()
                if self.bytes_per_second is not None:
                    time.sleep(len(data) / self.bytes_per_second)
                target.sendall(data)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _chunk_bytes(self) -> int:
        if self.bytes_per_second is None:
            return 1 << 16
        return max(int(self.bytes_per_second * _BEAT_SECONDS), 1)

    def close(self) -> None:
        """Cut all connections."""
        self.let_go()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for one in (self._listener, *self._sockets):
            one.close()
