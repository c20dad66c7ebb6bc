"""gunicorn's worker with threads, in which no thread ever waits for a client.

gunicorn's own threads read from clients, and write to them, for as long as it pleases the clients:
as many of these as there are threads stop the server. Here the loop of the worker reads until a
request is complete, and sends what a client does not take at once. A connection that is slow is
closed; and when there are too many, the one that has waited longest.
"""

import re
import socket
import ssl
import sys
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from functools import partial
from selectors import EVENT_READ, EVENT_WRITE
from time import monotonic
from typing import Any, BinaryIO, Final

from gunicorn.http import get_parser
from gunicorn.http.errors import NoMoreData
from gunicorn.http.unreader import Unreader
from gunicorn.sock import ssl_wrap_socket
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, ThreadWorker

CONNECTIONS_COUNT_MAX: Final = 500
REQUEST_SECONDS_MAX: Final = 5.0
"""For all of a request, since its first byte, or since the connection was made."""
ANSWER_SECONDS_MAX: Final = 10.0
_CLOSING_SECONDS_MAX: Final = 2.0
_LOOK_SECONDS: Final = 0.5
_BLOCK_BYTES: Final = 65_536
# Longer ones are not waited for: gunicorn, or the application, refuses them.
_HEAD_BYTES_MAX: Final = 65_536
_BODY_BYTES_MAX: Final = 65_536

_HEALTH_REQUESTS: Final = (b"GET /accounts/healthz ", b"GET /sign-in.css ")
"""The program's own questions whether the server lives. A thread is kept for them."""

_OVERLOADED: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n"
    b"Retry-After: 2\r\n\r\n"
)
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*\r\n", re.IGNORECASE)
_CHUNKED: Final = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)


def is_complete(request: bytearray) -> bool:
    """Whether it can be answered: all of it is there, or it is too long."""
    end = request.find(b"\r\n\r\n") + 2
    if end < 2:
        return len(request) >= _HEAD_BYTES_MAX
    body_bytes = len(request) - end - 2
    if found := _LENGTH.search(request, 0, end):
        length = int(found[1])
        return length > _BODY_BYTES_MAX or body_bytes >= length
    if _CHUNKED.search(request, 0, end):
        return body_bytes >= _BODY_BYTES_MAX or request.endswith(b"0\r\n\r\n")
    return True


def _is_begun(future: "Future[bool]") -> bool:
    return future.cancelled() or future.running() or future.done()


class _Arrived(Unreader):  # type: ignore[misc]
    """What gunicorn's parser reads from: there is no more than what has come."""

    def chunk(self, _size_hint: int | None = None) -> bytes:
        raise NoMoreData


class _Outlet:
    """What gunicorn takes for the socket: it keeps what is written."""

    def __init__(self) -> None:
        self.unsent = bytearray()

    def sendall(self, data: bytes) -> None:
        self.unsent += data

    send = sendall

    def sendfile(self, file: BinaryIO, offset: int, count: int) -> None:
        file.seek(offset)
        self.unsent += file.read(count)

    def gettimeout(self) -> float:
        return 0.0

    def setblocking(self, _is_blocking: bool) -> None: ...

    def shutdown(self, _how: int) -> None: ...

    def settimeout(self, _seconds: float) -> None: ...

    def recv(self, _size: int) -> bytes:
        return b""

    def close(self) -> None: ...


class Connection:
    """A connection, with the attributes that gunicorn's workers use, and its socket."""

    initialized = data_ready = True
    is_http2 = False

    def __init__(self, cfg: Any, made: socket.socket, client: Any, server: Any) -> None:
        """Raises `OSError`."""
        made.setblocking(False)
        self.socket: socket.socket = ssl_wrap_socket(made, cfg) if cfg.is_ssl else made
        self.sock = _Outlet()
        self.client = client
        self.server = server
        self.parser = get_parser(cfg, iter(()), client)
        self.parser.unreader = _Arrived()
        self.received = bytearray()
        self.since = self.deadline = 0.0
        self.is_idle = self.is_closing = False
        self.is_kept = True

    def init(self) -> None: ...

    def receive(self) -> bool:
        """Take what has come. Returns whether more may come."""
        try:
            while data := self.socket.recv(_BLOCK_BYTES):
                self.received += data
                if not isinstance(self.socket, ssl.SSLSocket) or not self.socket.pending():
                    return True
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return True
        except OSError:
            pass
        return False

    def send(self) -> None:
        """Send as much as the client takes now."""
        unsent = self.sock.unsent
        try:
            while unsent:
                del unsent[: self.socket.send(unsent)]
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError:
            unsent.clear()
            self.is_kept = False


class WebWorker(ThreadWorker):  # type: ignore[misc]
    """The worker. All but `handle` is done by its one loop."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # gunicorn would accept no more than so many, and nobody would make room.
        self.worker_connections = sys.maxsize
        # Those that wait for their clients, the longest-waiting first; and for a thread.
        self._waiting: dict[Connection, None] = {}
        self._queued: dict[Connection, Future[bool]] = {}
        self._look_at = self._notify_at = 0.0

    def init_process(self) -> None:
        self._health_pool = ThreadPoolExecutor(1)
        super().init_process()

    def notify(self) -> None:
        """Show gunicorn that the loop goes round: not each time, it is a call to the system."""
        now = monotonic()
        if now >= self._notify_at:
            self._notify_at = now + _LOOK_SECONDS
            super().notify()

    # -- reading ----------------------------------------------------------------

    def accept(self, listener: socket.socket) -> None:
        """Accept a connection. There is room for it, because another one is closed."""
        try:
            made, client = listener.accept()
        except (BlockingIOError, ConnectionError):
            return
        except OSError:
            # There are no file descriptors left.
            self._make_room()
            return
        if self.nr_conns >= self.cfg.worker_connections:
            self._make_room()
        self.nr_conns += 1
        try:
            connection = Connection(self.cfg, made, client, listener.getsockname())
        except OSError:
            made.close()
            self.nr_conns -= 1
        else:
            self._await(connection, EVENT_READ, REQUEST_SECONDS_MAX)

    def _make_room(self) -> None:
        """Close what has waited longest: for its client, or for a thread."""
        queued = next((c for c, future in self._queued.items() if not _is_begun(future)), None)
        waiting = next(iter(self._waiting), queued)
        if queued is not None and waiting is not None and queued.since <= waiting.since:
            self._queued[queued].cancel()
        elif waiting is not None:
            self._drop(waiting)

    def _await(self, connection: Connection, event: int, seconds_max: float) -> None:
        if not self.alive:
            seconds_max = min(seconds_max, STOP_KEEPALIVE_LINGER)
        connection.since = monotonic()
        connection.deadline = connection.since + seconds_max
        self._waiting[connection] = None
        self.poller.register(connection.socket, event, partial(self._go_on, connection))

    def _go_on(self, connection: Connection, _socket: socket.socket) -> None:
        """The client has sent something, has taken something, or is gone."""
        if connection not in self._waiting:
            # It has just had to make room.
            return
        if connection.sock.unsent:
            connection.send()
            if not connection.sock.unsent:
                self._release(connection)
                self._after_answer(connection)
        elif not connection.receive():
            self._drop(connection)
        elif connection.is_closing:
            connection.received.clear()
        elif is_complete(connection.received):
            self._release(connection)
            self.enqueue_req(connection)
        elif connection.is_idle and connection.received:
            connection.is_idle = False
            connection.deadline = monotonic() + REQUEST_SECONDS_MAX

    def _release(self, connection: Connection) -> None:
        del self._waiting[connection]
        self.poller.unregister(connection.socket)

    def _drop(self, connection: Connection) -> None:
        self._release(connection)
        connection.socket.close()
        self.nr_conns -= 1

    def murder_keepalived(self, force: bool = False) -> None:
        """Close the connections whose time is over."""
        now = monotonic()
        if force or now >= self._look_at:
            self._look_at = now + _LOOK_SECONDS
            for connection in [c for c in self._waiting if force or c.deadline <= now]:
                self._drop(connection)

    def _cap_keepalive(self, deadline: float) -> None:
        for connection in self._waiting:
            connection.deadline = min(connection.deadline, deadline)

    # -- answering --------------------------------------------------------------

    def enqueue_req(self, conn: Connection) -> None:
        """Let a thread answer a request."""
        conn.is_idle = False
        conn.since = monotonic()
        is_about_health = conn.received.startswith(_HEALTH_REQUESTS)
        future = (self._health_pool if is_about_health else self.tpool).submit(self.handle, conn)
        self._queued[conn] = future
        future.add_done_callback(
            lambda done: self.method_queue.defer(self.finish_request, conn, done)
        )

    def handle(self, conn: Connection) -> bool:
        """Answer a request, in a thread. Returns whether the connection may have another one."""
        unreader = conn.parser.unreader
        unreader.unread(bytes(conn.received))
        conn.received.clear()
        is_kept = super().handle(conn)
        conn.received += unreader.take_buffered()
        conn.send()
        return bool(is_kept)

    def finish_request(self, conn: Connection, fs: "Future[bool]") -> None:
        """Go on with what a thread, or none, has answered."""
        del self._queued[conn]
        try:
            conn.is_kept &= fs.result()
        except CancelledError:
            conn.is_kept = False
            conn.sock.sendall(_OVERLOADED)
            conn.send()
        self._after_request(conn)

    def _after_request(self, conn: Connection) -> None:
        if conn.sock.unsent:
            self._await(conn, EVENT_WRITE, ANSWER_SECONDS_MAX)
        else:
            self._after_answer(conn)

    def _after_answer(self, connection: Connection) -> None:
        if not connection.is_kept:
            self._close_gently(connection)
        elif connection.received and is_complete(connection.received):
            self.enqueue_req(connection)
        elif connection.received:
            self._await(connection, EVENT_READ, REQUEST_SECONDS_MAX)
        else:
            connection.is_idle = True
            self._await(connection, EVENT_READ, self.cfg.keepalive)

    def _close_gently(self, connection: Connection) -> None:
        """Wait until the client closes: a reset could overtake the end of the answer."""
        connection.is_closing = True
        self._await(connection, EVENT_READ, _CLOSING_SECONDS_MAX)
        try:
            connection.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(connection)
