"""Messages that open accounts of debtors in other shards wait for the answer of the fetch API,
and hold up nobody else.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic, sleep

import msgspec
import psycopg
import pytest

from swpt_accounts.core.ids import to_u64
from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.inbox.batch import ReceivedMessage, decode_batch
from swpt_accounts.inbox.parking import UnknownRates
from swpt_accounts.settings import Settings, load_settings
from tests.support.realms import find_creditors, find_debtor
from verification.kit.wire import make_delivery
from verification.model import builders

KEY = "0.#"
FAR, FARTHER = find_debtor("1.0.#"), find_debtor("1.1.#")
NEAR = find_debtor(KEY)
TIMEOUT_SECONDS = 1.0
SECONDS_MAX = 20.0


@pytest.fixture(scope="module")
def worker_url(database_url: str) -> str:
    """The tests of this module change tables, for which one has to own them."""
    return database_url


@dataclass
class FetchApi:
    """The fetch API of another shard, which can be made to be silent."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    is_answering: threading.Event = field(default_factory=threading.Event)

    def answer(self, path: str) -> str:
        self.asked.append(path)
        self.is_answering.wait(SECONDS_MAX)
        return '{"type": "RootConfigData", "rate": 5.5}'


@pytest.fixture
def fetch_api() -> Iterator[FetchApi]:
    api = FetchApi()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = api.answer(self.path).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

        def handle(self) -> None:
            # the one who asked may have gone when the answer comes
            try:
                super().handle()
            except ConnectionError:
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    api.url = f"http://127.0.0.1:{server.server_port}"
    yield api
    api.is_answering.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def half(database_url: str, fetch_api: FetchApi, connection: DatabaseConnection) -> Settings:
    connection.raw.execute("DELETE FROM root_config")
    return load_settings(
        {
            "POSTGRES_URL": database_url,
            "PROTOCOL_BROKER_QUEUE_ROUTING_KEY": KEY,
            "FETCH_API_URL": fetch_api.url,
            "APP_FETCH_API_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS),
        }
    )


@pytest.fixture
def waiting(half: Settings) -> Iterator[UnknownRates]:
    made = UnknownRates(half, count_max=3)
    yield made
    made.clear()


def opening(debtor_id: int, count: int = 1) -> list[ReceivedMessage]:
    """Messages that open accounts of this shard."""
    messages = [
        {**builders.configure_account(creditor_id), "debtor_id": debtor_id}
        for creditor_id in find_creditors(KEY, count, debtor_id)
    ]
    received, refused = decode_batch([make_delivery(m) for m in messages], load_settings({}).realm)
    assert refused == []
    return received


def await_released(
    waiting: UnknownRates, connection: DatabaseConnection, count: int
) -> list[ReceivedMessage]:
    released: list[ReceivedMessage] = []
    end = monotonic() + SECONDS_MAX
    while len(released) < count:
        assert monotonic() < end
        released += waiting.park(connection, [])
        sleep(0.01)
    return released


def rates(connection: DatabaseConnection) -> dict[int, float]:
    return dict(
        connection.raw.execute("SELECT debtor_id, interest_rate FROM root_config").fetchall()
    )


def test_message_waits_for_the_answer_and_others_do_not(
    waiting: UnknownRates, connection: DatabaseConnection, fetch_api: FetchApi
) -> None:
    far, near = opening(FAR), opening(NEAR)
    assert waiting.park(connection, [*far, *near]) == near
    assert waiting.count == 1
    assert waiting.park(connection, near) == near
    fetch_api.is_answering.set()
    assert await_released(waiting, connection, 1) == far
    assert waiting.count == 0
    assert rates(connection) == {FAR: 5.5}
    assert fetch_api.asked == [f"/accounts/{to_u64(FAR)}/0/config"]
    # what is known is not asked again
    assert waiting.park(connection, far) == far
    assert len(fetch_api.asked) == 1


def test_messages_of_one_account_keep_their_order(
    waiting: UnknownRates, connection: DatabaseConnection, fetch_api: FetchApi
) -> None:
    (first,) = opening(FAR)
    second = ReceivedMessage(first.delivery, msgspec.structs.replace(first.message, seqnum=7))
    assert waiting.park(connection, [first]) == []
    assert waiting.park(connection, [second]) == []
    fetch_api.is_answering.set()
    assert await_released(waiting, connection, 2) == [first, second]
    assert len(fetch_api.asked) == 1


def test_nobody_waits_for_longer_than_the_time_limit(
    waiting: UnknownRates, connection: DatabaseConnection, fetch_api: FetchApi
) -> None:
    started_at = monotonic()
    far = opening(FAR)
    assert waiting.park(connection, far) == []
    assert await_released(waiting, connection, 1) == far
    assert monotonic() - started_at >= TIMEOUT_SECONDS
    assert rates(connection) == {}
    # for a moment, nothing is asked again
    assert waiting.park(connection, far) == far
    assert len(fetch_api.asked) == 1


def test_no_more_wait_than_there_is_room_for(
    waiting: UnknownRates, connection: DatabaseConnection, fetch_api: FetchApi
) -> None:
    far = opening(FAR, 5)
    assert waiting.park(connection, far) == far[3:]
    farther = opening(FARTHER)
    assert waiting.park(connection, farther) == farther
    fetch_api.is_answering.set()
    assert await_released(waiting, connection, 3) == far[:3]


def test_answer_that_could_not_be_written_is_written_later(
    waiting: UnknownRates,
    connection: DatabaseConnection,
    half: Settings,
    fetch_api: FetchApi,
) -> None:
    far = opening(FAR)
    assert waiting.park(connection, far) == []
    fetch_api.is_answering.set()
    lost = connect(half, "test")
    lost.close()
    end = monotonic() + SECONDS_MAX
    with pytest.raises(psycopg.OperationalError):
        while monotonic() < end:
            waiting.park(lost, [])
    assert waiting.count == 1
    assert waiting.park(connection, []) == far
    assert rates(connection) == {FAR: 5.5}
    assert len(fetch_api.asked) == 1


def test_answer_that_the_database_refuses_keeps_nobody_waiting(
    waiting: UnknownRates, connection: DatabaseConnection, fetch_api: FetchApi
) -> None:
    far = opening(FAR)
    assert waiting.park(connection, far) == []
    fetch_api.is_answering.set()
    forbid = "ALTER TABLE root_config ADD CONSTRAINT low CHECK (interest_rate < 5)"
    connection.raw.execute(forbid)
    try:
        assert await_released(waiting, connection, 1) == far
    finally:
        connection.raw.execute("ALTER TABLE root_config DROP CONSTRAINT low")
    assert rates(connection) == {}
    # for a moment, nothing is asked again
    assert waiting.park(connection, far) == far
    assert len(fetch_api.asked) == 1


def test_what_is_cleared_is_forgotten(
    waiting: UnknownRates, connection: DatabaseConnection, fetch_api: FetchApi
) -> None:
    far = opening(FAR)
    assert waiting.park(connection, far) == []
    waiting.clear()
    assert waiting.count == 0
    fetch_api.is_answering.set()
    assert waiting.park(connection, far) == [], "it is asked anew"
    assert await_released(waiting, connection, 1) == far


def test_debtors_of_this_shard_are_not_asked_about(
    waiting: UnknownRates, connection: DatabaseConnection, fetch_api: FetchApi
) -> None:
    near = opening(NEAR, 3)
    assert waiting.park(connection, near) == near
    assert fetch_api.asked == []
