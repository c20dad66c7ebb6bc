"""What the first page says is wrong, and that nobody waits for it."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask.testing import FlaskClient

from agentkit.authority import Authority
from agentkit.waiting import wait_until
from swpt_accounts.console import status_poller
from swpt_accounts.console.context import console_of
from swpt_accounts.console.status_poller import StatusPoller
from swpt_accounts.inspection.status.model import ShardStatus
from swpt_accounts.inspection.status.reader import StatusReader
from swpt_accounts.settings import load_settings
from tests.console.conftest import signed_in
from tests.console.test_pages import text_of
from tests.inspection.shard_statuses import shard_status

NOT_KNOWN = "Problems are unknown"


@pytest.fixture(autouse=True)
def is_impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look may ask, and waits for the answer, however busy the machine is."""
    monkeypatch.setattr(status_poller, "PERIOD_SECONDS", 0.0)
    monkeypatch.setattr(status_poller, "WAIT_SECONDS_MAX", 60.0)


@pytest.fixture
def silent_broker() -> Iterator[str]:
    """The address of somebody who takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"amqp://127.0.0.1:{server.getsockname()[1]}"


class Held:
    """A reading of the servers that takes until somebody lets it go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.go_on = threading.Event()
        monkeypatch.setattr(StatusReader, "read", lambda _: self._read())

    def _read(self) -> ShardStatus:
        self.count += 1
        assert self.go_on.wait(60)
        return shard_status()


def test_nobody_works(client: FlaskClient) -> None:
    """The role that can only read sees it: no worker, and no consumer."""
    text = text_of(client, "/")
    assert "3 problems" in text
    assert (
        "error Queue swpt_accounts has no consumers (0 messages). Start consume_messages." in text
    )
    assert (
        "error 9 workers are down (no heartbeat and no database session): consume_messages" in text
    )
    assert "See docs/how-to/see-what-is-wrong.md" in text
    assert '<a href="/docs/how-to/see-what-is-wrong.md">' in client.get("/").text
    assert "Cannot connect" not in text
    assert "A server did not answer" not in text


def test_a_worker_goes_and_comes_back(client: FlaskClient, authority: Authority) -> None:
    wait_until(lambda: "No problems" in text_of(client, "/"), what="no problems")
    authority.terminate("consume_messages")
    try:
        wait_until(lambda: "consume_messages is down: no heartbeat" in text_of(client, "/"))
        wait_until(lambda: "Queue swpt_accounts has no consumers" in text_of(client, "/"))
    finally:
        authority.start("consume_messages")
    wait_until(lambda: "No problems" in text_of(client, "/"), what="no problems again")


@pytest.mark.parametrize("is_silent", [False, True], ids=["refuses", "is silent"])
def test_the_broker_is_away(
    console_environment: dict[str, str], silent_broker: str, *, is_silent: bool
) -> None:
    url = silent_broker if is_silent else "amqp://127.0.0.1:1"
    away = {"PROTOCOL_BROKER_URL": url, "CHORES_BROKER_URL": url}
    with signed_in({**console_environment, **away}) as client:
        text = text_of(client, "/")
    assert "Cannot connect to RabbitMQ at 127.0.0.1:" in text
    assert "A server did not answer, so there may be more." in text
    assert "requests to prepare" in text


def test_a_server_that_takes_its_time_holds_up_nobody(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many look, one asks; the page says that it does not know yet, and knows it later."""
    monkeypatch.setattr(status_poller, "WAIT_SECONDS_MAX", 0.05)
    held = Held(monkeypatch)
    poller = console_of(client.application).status_poller
    try:
        assert NOT_KNOWN in text_of(client, "/")
        with ThreadPoolExecutor(8) as pool:
            assert {pool.submit(poller.report).result(60) for _ in range(20)} == {None}
        assert held.count == 1
    finally:
        held.go_on.set()
    wait_until(lambda: "No problems" in text_of(client, "/"), what="the answer has come")


def test_it_is_asked_once_in_a_while(
    console_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_poller, "PERIOD_SECONDS", 3600.0)
    held = Held(monkeypatch)
    held.go_on.set()
    poller = StatusPoller(load_settings(console_environment))
    first = poller.report()
    assert first is not None
    assert [poller.report() for _ in range(5)] == [first] * 5
    assert held.count == 1
    # and what is old is not told any more, as if it were so now
    monkeypatch.setattr(status_poller, "OLD_SECONDS", 0.0)
    assert poller.report() is None
    poller.stop()


def test_an_error_of_the_program_leaves_the_page(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: StatusReader) -> ShardStatus:
        raise LookupError("a bug")

    monkeypatch.setattr(StatusReader, "read", fail)
    assert NOT_KNOWN in text_of(client, "/")
    assert "a bug" in caplog.text


def test_its_connections_are_closed(client: FlaskClient, idle_authority: Authority) -> None:
    text_of(client, "/")
    poller = console_of(client.application).status_poller
    poller.stop()
    wait_until(lambda: not idle_authority.database.connected(["status"]), what="no session is left")
    before = poller.report()
    assert poller.report() is before
