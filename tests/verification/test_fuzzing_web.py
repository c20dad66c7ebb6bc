"""A short part of the fuzzing of the fetch API; and that it finds what is planted."""

import socket
import threading
from collections.abc import Iterator
from random import Random

import pytest

from verification.fuzzing.checking import Finding
from verification.fuzzing.http_requests import Answer, ask
from verification.fuzzing.web import Web, made_web, run_documented, run_raw, undocumented

pytestmark = pytest.mark.servers

HEALTH = b"GET /accounts/healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with made_web() as made:
        yield made


def test_documented_requests(web: Web) -> None:
    run_documented(web)


@pytest.mark.parametrize(
    ("status", "headers", "problem"),
    [
        (204, {"cache-control": "max-age=86400"}, None),
        (204, {"cache-control": "no-store"}, "Cache-Control is 'no-store'"),
        (418, {}, "status 418 is not in the document"),
    ],
)
def test_undocumented_answers_are_found(
    status: int, headers: dict[str, str], problem: str | None
) -> None:
    header = {"Cache-Control": {"schema": {"const": "max-age=86400"}}}
    responses = {"204": {"$ref": "#/components/responses/yes"}}
    components = {"responses": {"yes": {"headers": header}}}
    assert undocumented(Answer(status, headers), responses, components) == problem


def test_raw_requests(web: Web) -> None:
    web.statuses.clear()
    run_raw(web, Random(1), 300)
    assert web.statuses.keys() >= {200, 204, 400, 404, 405}
    assert web.statuses.total() == 301


class Planted:
    """A server that always says the same."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            while connection.recv(4096):
                pass
            connection.sendall(self._answer)

    def close(self) -> None:
        self._thread.join(10)
        self._listener.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 500 INTERNAL SERVER ERROR\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 503 SERVICE UNAVAILABLE\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"<html>200 OK</html>",
    ],
)
def test_a_wrong_answer_is_found(web: Web, answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    planted = Planted(answer)
    monkeypatch.setattr(web.authority, "port", planted.port)
    with pytest.raises(Finding):
        web.ask(HEALTH)
    planted.close()


def test_a_change_of_the_database_is_found(web: Web) -> None:
    web.check()
    web._place.shard.connection.raw.execute("UPDATE account SET config_flags = config_flags + 1")
    with pytest.raises(Finding, match="a table has changed"):
        web.check()


def test_an_error_in_the_log_is_found(web: Web) -> None:
    with web.authority.services["webserver"].log_path.open("a") as log:
        log.write("Traceback (most recent call last):\n")
    with pytest.raises(Finding, match="there is an error in the log"):
        web.check()


def test_a_client_that_says_nothing(web: Web) -> None:
    assert ask(web.authority.port, b"").status == 0
