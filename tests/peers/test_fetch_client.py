"""The client of the fetch API: it takes a whole answer, or none."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar, cast

import pytest

from agentkit.processes import free_port
from swpt_accounts.observability.events.background import FETCH_API_URL_MISSING
from swpt_accounts.observability.log.throttle import LogThrottle
from swpt_accounts.peers.bulkhead import ERROR_SECONDS, Bulkhead
from swpt_accounts.peers.fetch_client import CONFIG_BYTES_MAX, FetchClient
from swpt_accounts.settings import load_settings

T = TypeVar("T")

OK = b"HTTP/1.1 200 OK\r\n"
TEXT = "RootConfigData, й" * 100
BODY = TEXT.encode()
LENGTH = b"Content-Length: %d\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
# A machine under load needs its time to answer. The shorter one is for those who never do.
TIMEOUT_SECONDS = "30"
SHORT_TIMEOUT_SECONDS = "0.5"
# Between two pieces the client has the time to read the first.
PAUSE_SECONDS = 0.02


def ask(
    question: Callable[[FetchClient], Awaitable[T]],
    *pieces: bytes | None,
    timeout_seconds: str = TIMEOUT_SECONDS,
) -> T:
    """Ask a server that answers in pieces, and then closes the connection; None: it hangs."""

    answering: list[asyncio.Task[None]] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.append(cast("asyncio.Task[None]", asyncio.current_task()))
        # the client may be gone before the end, or before it has asked
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            for piece in pieces:
                if piece is None:
                    await reader.read()
                    break
                writer.write(piece)
                await asyncio.sleep(PAUSE_SECONDS)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def run() -> T:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        variables = {
            "FETCH_API_URL": f"http://127.0.0.1:{port}",
            "APP_FETCH_API_TIMEOUT_SECONDS": timeout_seconds,
        }
        client = FetchClient(load_settings(variables), Bulkhead(10), LogThrottle(60.0))
        try:
            return await question(client)
        finally:
            await client.close()
            server.close()
            await server.wait_closed()
            await asyncio.gather(*answering)

    return asyncio.run(run())


def config(client: FetchClient) -> Awaitable[str | None]:
    return client.get_config_data(1, 0)


def reachable(client: FetchClient) -> Awaitable[bool | None]:
    return client.is_reachable(1, 2)


@pytest.mark.parametrize(
    "pieces",
    [
        (OK + LENGTH % len(BODY) + BODY,),
        (OK + LENGTH % len(BODY), BODY),
        # in the middle of a letter, too
        (OK + LENGTH % len(BODY), *(BODY[i : i + 700] for i in range(0, len(BODY), 700))),
        (OK, LENGTH % len(BODY), BODY[:1], BODY[1:]),
        (OK + CHUNKED, b"%x\r\n" % 100 + BODY[:100] + b"\r\n", b"%x\r\n" % (len(BODY) - 100)
         + BODY[100:] + b"\r\n0\r\n\r\n"),
        (OK + b"Connection: close\r\n\r\n", BODY[:9], BODY[9:]),
    ],
)  # fmt: skip
def test_answer_is_read_to_its_end(pieces: tuple[bytes, ...]) -> None:
    assert ask(config, *pieces) == TEXT


def test_empty_answer() -> None:
    assert ask(config, OK + LENGTH % 0) == ""


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        ((OK + LENGTH % len(BODY), BODY[:-1]), "does not answer"),
        ((OK + CHUNKED, b"%x\r\n" % 100 + BODY[:100] + b"\r\n"), "does not answer"),
        ((OK + LENGTH % len(BODY), BODY[:100], None), "does not answer in time"),
        ((None,), "does not answer in time"),
        ((b"HTTP/1.1 204 No Content\r\n", None), "does not answer in time"),
        ((OK + LENGTH % 10**7, b"x" * 5000, b"x" * 5001, None), "over 10000 bytes"),
        ((OK + CHUNKED, b"%x\r\n" % 10**7 + b"x" * 10**7), "over 10000 bytes"),
        ((OK + LENGTH % 1, b"\xff"), "is refused"),
        ((), "does not answer"),
    ],
)
def test_half_an_answer_is_none(
    caplog: pytest.LogCaptureFixture, pieces: tuple[bytes | None, ...], reason: str
) -> None:
    timeout_seconds = SHORT_TIMEOUT_SECONDS if "in time" in reason else TIMEOUT_SECONDS
    assert ask(config, *pieces, timeout_seconds=timeout_seconds) is None
    (record,) = caplog.records
    assert reason in record.message
    assert "/accounts/1/0/config" in record.message


def test_longest_answer() -> None:
    body = b"x" * CONFIG_BYTES_MAX
    assert ask(config, OK + LENGTH % len(body) + body) == body.decode()


@pytest.mark.parametrize(
    ("status", "answer"), [(204, True), (404, False), (200, None), (500, None), (302, None)]
)
@pytest.mark.parametrize("body", [b"", b"<html>" * 10_000])
def test_status_tells_whether_an_account_is_reachable(
    status: int, answer: bool | None, body: bytes
) -> None:
    if status == 204:
        body = b""
    length = b"\r\n" if status == 204 else LENGTH % len(body)
    assert ask(reachable, b"HTTP/1.1 %d Whatever\r\n" % status + length + body) is answer
    if status != 200:
        assert ask(config, b"HTTP/1.1 %d Whatever\r\n" % status + length + body) is None


def test_nobody_is_asked_without_a_url(caplog: pytest.LogCaptureFixture) -> None:
    client = ask(_unset)
    assert client is None
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert "FETCH_API_URL is not set" in record.message


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_nobody_listens(caplog: pytest.LogCaptureFixture, host: str) -> None:
    url = f"http://{host}:{free_port()}"

    async def ask_there(client: FetchClient) -> str | None:
        client._base_url = url
        return await client.get_config_data(1, 0)

    assert ask(ask_there) is None
    (record,) = caplog.records
    text = f"{url}/accounts/1/0/config does not answer: Connection refused"
    assert record.getMessage().startswith(text), record.getMessage()


async def _unset(client: FetchClient) -> bool | None:
    client._base_url = ""
    for _ in range(3):
        assert await client.get_config_data(1, 0) is None
    return await client.is_reachable(1, 2)


def test_problem_of_a_kind_is_logged_once_in_a_minute(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("swpt_accounts.observability.log.throttle.monotonic", lambda: now)

    async def report() -> None:
        nonlocal now
        client = FetchClient(load_settings({}), Bulkhead(10), LogThrottle(ERROR_SECONDS))
        for _ in range(100):
            client._report("a", "A")
        client._report("b", "B", FETCH_API_URL_MISSING)
        now = 61.0
        client._report("a", "A")
        client._report("a", "A")
        await client.close()

    asyncio.run(report())
    assert [(r.levelname, r.message) for r in caplog.records] == [
        ("WARNING", "A"),
        ("ERROR", "B (and 99 problems before)"),
        ("WARNING", "A"),
    ]
