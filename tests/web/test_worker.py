"""The worker of the fetch API: which questions are answered together, and whom that may hold up."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.gunicorn import is_answered, served
from tests.web.quick_app import BROKEN, HELD

CONNECTIONS_COUNT = 8
OTHER_WAY = b"X-Way: of all requests"


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    app, worker_class = "tests.web.quick_app:app", "swpt_accounts.web.worker.FetchWorker"
    kept = ("--keep-alive", "60")
    with served(app, worker_class, CONNECTIONS_COUNT, tmp_path, *kept) as (made, service):
        yield made
    assert service.log.count("Traceback") == service.log.count("accounts failed")


class Client:
    """A connection that is kept."""

    def __init__(self, port: int) -> None:
        self._sock = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._answers = self._sock.makefile("rb")

    def send(self, creditor_id: int, headers: bytes = b"Host: x\r\n", what: str = "GET") -> None:
        path = f"{what} /accounts/1/{creditor_id}/reachable HTTP/1.1\r\n"
        self._sock.sendall(path.encode() + headers + b"\r\n")

    def receive(self) -> tuple[bytes, bytes]:
        """The head, and the body."""
        head = b""
        while not head.endswith(b"\r\n\r\n") and (line := self._answers.readline()):
            head += line
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        return head, self._answers.read(int(length or 0))

    def ask(self, creditor_id: int, headers: bytes = b"Host: x\r\n") -> tuple[bytes, bytes]:
        self.send(creditor_id, headers)
        return self.receive()

    def close(self) -> None:
        self._answers.close()
        self._sock.close()


@pytest.fixture
def client(port: int) -> Iterator[Client]:
    made = Client(port)
    yield made
    made.close()


def test_what_gunicorn_has_accepted_before_is_not_looked_at_again(client: Client) -> None:
    assert OTHER_WAY in client.ask(5)[0]
    for creditor_id in (5, 6, 100_000):
        head, body = client.ask(creditor_id)
        assert OTHER_WAY not in head
        assert body == b"x" * creditor_id
    assert OTHER_WAY in client.ask(5, b"Host: y\r\n")[0]
    assert OTHER_WAY not in client.ask(5, b"Host: y\r\n")[0]


@pytest.mark.parametrize(
    "headers",
    [
        b"Host: x\r\nContent-Length: 1\r\n\r\na",
        b"Host: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        b"Host: x\r\nX: " + b"y" * 3000 + b"\r\n",
    ],
)
def test_bodies_and_long_heads_are_for_gunicorn(client: Client, headers: bytes) -> None:
    for _ in range(2):
        client.send(5, headers.removesuffix(b"\r\n") + b"\r\n" * headers.endswith(b"\r\n"))
        assert OTHER_WAY in client.receive()[0]


def test_other_methods_are_for_the_application(client: Client) -> None:
    client.ask(5)
    client.send(5, what="POST")
    assert OTHER_WAY in client.receive()[0]
    client.send(5, what="get")
    assert client.receive()[0].startswith(b"HTTP/1.1 400 ")


def test_pipelined_questions_are_answered_in_their_order(client: Client) -> None:
    client.ask(5)
    for creditor_id in range(10, 40):
        client.send(creditor_id)
    for creditor_id in range(10, 40):
        head, body = client.receive()
        assert body == b"x" * creditor_id or OTHER_WAY in head


def test_nobody_gets_the_answer_of_another_one(port: int) -> None:
    with ExitStack() as stack:
        clients = []
        for _ in range(CONNECTIONS_COUNT - 1):
            clients.append(client := Client(port))
            stack.callback(client.close)
            client.ask(5)
        for turn in range(20):
            for number, client in enumerate(clients):
                client.send(100 * turn + 10 + number)
            for number, client in enumerate(clients):
                assert len(client.receive()[1]) == 100 * turn + 10 + number


def test_who_does_not_read_holds_up_nobody(port: int, client: Client) -> None:
    slow = Client(port)
    slow.ask(5)
    slow.send(50_000_000)
    client.ask(5)
    assert client.ask(6)[1] == b"x" * 6
    assert len(slow.receive()[1]) == 50_000_000
    slow.close()


def test_an_error_is_nobodys_no(client: Client) -> None:
    client.ask(5)
    assert client.ask(BROKEN)[0].startswith(b"HTTP/1.1 500 ")
    assert client.ask(6)[1] == b"x" * 6


def test_where_the_database_hangs_who_waits_longest_has_to_go(port: int) -> None:
    with ExitStack() as stack:
        clients = []
        for _ in range(CONNECTIONS_COUNT * 2):
            clients.append(client := Client(port))
            stack.callback(client.close)
            client.ask(5)
            client.send(HELD)
        assert is_answered(port, "/accounts/healthz")
        heads = [client.receive()[0] for client in clients]
    assert heads[-1].startswith(b"HTTP/1.1 200 ")
    assert {head[9:12] for head in heads} == {b"200", b"503"}
