"""The web servers' worker over its port, with a single thread: whoever held it would stop all."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.gunicorn import is_answered, served
from tests.workers.web_app import BIG

CONNECTIONS_COUNT = 8
KEPT = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    app, worker_class = "tests.workers.web_app:app", "swpt_accounts.workers.web_worker.WebWorker"
    with served(app, worker_class, CONNECTIONS_COUNT, tmp_path) as (made, service):
        yield made
    assert "Traceback" not in service.log


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def read_to_end(sock: socket.socket) -> bytes:
    received = b""
    while block := sock.recv(1 << 20):
        received += block
    return received


@pytest.mark.parametrize(
    ("pieces", "bodies"),
    [
        ([b"GET / HTTP/1.1\r\n", b"Host: x\r\n\r", b"\n"], [b""]),
        ([b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\na", b"bc"], [b"abc"]),
        (
            [b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n", b"abc\r\n0\r\n\r\n"],
            [b"abc"],
        ),
        # two at once, and the rest of the second one later
        (
            [
                b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\naPOST / HTTP/1.1\r\nCont",
                b"ent-Length: 2\r\n\r\nbc",
            ],
            [b"a", b"bc"],
        ),
        ([b"GET / HTTP/1.1\r\n\r\n" * 3], [b"", b"", b""]),
    ],
    ids=["head", "length", "chunked", "two", "pipelined"],
)
def test_requests_come_in_pieces(port: int, pieces: list[bytes], bodies: list[bytes]) -> None:
    with connect(port) as sock:
        for piece in pieces:
            sock.sendall(piece)
            assert is_answered(port)
        sock.sendall(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        found = read_to_end(sock).split(KEPT)[1:]
    assert [text.partition(b"\r\n\r\n")[2] for text in found] == [*bodies, b""]
    assert b"Connection: close" in found[-1]


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"y" * 100_000,
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"z" * 100_000,
    ],
    ids=["length", "head", "chunks"],
)
def test_what_is_too_long_is_refused_at_once(port: int, request_bytes: bytes) -> None:
    """What follows it is no other request."""
    with connect(port) as sock:
        sock.sendall(request_bytes)
        assert b" 200 " not in read_to_end(sock)
    assert is_answered(port)


def test_a_large_answer_waits_for_its_client_without_a_thread(port: int) -> None:
    with connect(port) as sock:
        sock.sendall(b"GET /big HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert sock.recv(1)
        assert is_answered(port)
        assert read_to_end(sock).partition(b"\r\n\r\n")[2] == BIG


def test_a_question_about_the_health_waits_for_nobody(port: int) -> None:
    """Where all threads are held up, and nobody else can be let in, who waits longest has to go."""
    with ExitStack() as stack:
        waiting = []
        for _ in range(CONNECTIONS_COUNT * 2):
            sock = stack.enter_context(connect(port))
            sock.sendall(b"GET /wait HTTP/1.1\r\nConnection: close\r\n\r\n")
            waiting.append(sock)
        assert is_answered(port, "/accounts/healthz")
        statuses = [status_of(sock) for sock in waiting]
    assert statuses[-1] == b"200"
    assert b"503" in statuses


def status_of(sock: socket.socket) -> bytes:
    try:
        return read_to_end(sock)[9:12]
    except ConnectionResetError:
        return b""
