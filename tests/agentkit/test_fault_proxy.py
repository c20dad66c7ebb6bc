"""The links that fail, by a server that returns what it gets."""

import socket
import socketserver
import threading
from collections.abc import Iterator

import pytest

from agentkit.fault_proxy import FaultProxy

SECONDS_MAX = 60.0
SILENCE_SECONDS = 0.5


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        try:
            while data := self.request.recv(1 << 16):
                self.request.sendall(data)
        except OSError:
            pass


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    with _Server(("127.0.0.1", 0), _Echo) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        made = FaultProxy(f"amqp://user:secret@127.0.0.1:{server.server_address[1]}/vhost")
        yield made
        made.close()
        server.shutdown()
        thread.join()


def connect(proxy: FaultProxy) -> socket.socket:
    host, port = proxy.url.split("@")[1].split("/")[0].split(":")
    return socket.create_connection((host, int(port)), timeout=SECONDS_MAX)


def ask(client: socket.socket, data: bytes = b"hello") -> bytes:
    client.sendall(data)
    return receive(client, len(data))


def receive(client: socket.socket, length: int) -> bytes:
    received = b""
    while len(received) < length and (data := client.recv(length - len(received))):
        received += data
    return received


def assert_silent(client: socket.socket) -> None:
    client.settimeout(SILENCE_SECONDS)
    with pytest.raises(TimeoutError):
        client.recv(1)
    client.settimeout(SECONDS_MAX)


def test_cut_loses_nothing_that_tcp_repeats(proxy: FaultProxy) -> None:
    with connect(proxy) as client:
        assert ask(client) == b"hello"
        proxy.cut()
        client.sendall(b"later")
        assert_silent(client)
        with pytest.raises(TimeoutError):
            socket.create_connection(client.getpeername(), timeout=SILENCE_SECONDS)
        proxy.heal()
        assert receive(client, 5) == b"later"
    with connect(proxy) as client:
        assert ask(client) == b"hello"


def test_reset(proxy: FaultProxy) -> None:
    with connect(proxy) as client:
        assert ask(client) == b"hello"
        assert proxy.reset() == 1
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    with connect(proxy) as client:
        assert ask(client) == b"hello"


def test_half_open_for_ever(proxy: FaultProxy) -> None:
    with connect(proxy) as old:
        assert ask(old) == b"hello"
        assert proxy.half_open() == 1
        old.sendall(b"lost")
        assert_silent(old)
        proxy.heal()
        assert_silent(old)
        with connect(proxy) as new:
            assert ask(new) == b"hello"
        # The kernel of this side learns that nobody acknowledges.
        old.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 500)
        with pytest.raises(OSError, match="timed out"):
            old.recv(1)


def test_answers_of_commits_are_lost(proxy: FaultProxy) -> None:
    with connect(proxy) as client:
        proxy.lost_answers_share = 1.0
        assert ask(client, b"Z\0\0\0\x05T") == b"Z\0\0\0\x05T", "a transaction is open"
        client.sendall(b"C\0\0\0\x0bCOMMIT\0Z\0\0\0\x05I")
        with pytest.raises(ConnectionResetError):
            client.recv(1)
        assert proxy.lost_answers_count == 1
