"""What the first page says is wrong, and that nobody waits for it."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask.testing import FlaskClient
from tests.unit.overviews import overview

from agentkit.authority import Authority
from agentkit.waiting import wait_until
from swpt_accounts.console import status_poller
from swpt_accounts.console.context import console_of
from swpt_accounts.console.status_poller import Judge
from swpt_accounts.inspection.status.model import Overview
from swpt_accounts.inspection.status.reader import OverviewReader
from swpt_accounts.settings import load_settings
from tests.console.conftest import signed_in
from tests.console.test_pages import text_of

NOT_KNOWN = "What is wrong is not known"


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
        monkeypatch.setattr(OverviewReader, "read", lambda _: self._read())

    def _read(self) -> Overview:
        self.count += 1
        assert self.go_on.wait(60)
        return overview()


def test_nobody_works(client: FlaskClient) -> None:
    """The role that can only read sees it: no worker, and no consumer."""
    text = text_of(client, "/")
    assert "3 things are wrong" in text
    assert "error Nobody reads the queue swpt_accounts, which has 0 messages" in text
    assert "error 9 workers are not at work: consume_messages, process_transfer" in text
    assert "See docs/how-to/see-what-is-wrong.md" in text
    assert "does not answer" not in text
    assert "A server did not answer" not in text


def test_a_worker_goes_and_comes_back(client: FlaskClient, authority: Authority) -> None:
    wait_until(lambda: "Nothing is wrong" in text_of(client, "/"), what="all is well")
    authority.terminate("consume_messages")
    try:
        wait_until(lambda: "consume_messages is not at work" in text_of(client, "/"))
        wait_until(lambda: "Nobody reads the queue swpt_accounts" in text_of(client, "/"))
    finally:
        authority.start("consume_messages")
    wait_until(lambda: "Nothing is wrong" in text_of(client, "/"), what="all is well again")


@pytest.mark.parametrize("is_silent", [False, True], ids=["refuses", "is silent"])
def test_the_broker_is_away(
    console_environment: dict[str, str], silent_broker: str, *, is_silent: bool
) -> None:
    url = silent_broker if is_silent else "amqp://127.0.0.1:1"
    away = {"PROTOCOL_BROKER_URL": url, "CHORES_BROKER_URL": url}
    with signed_in({**console_environment, **away}) as client:
        text = text_of(client, "/")
    assert "The broker does not answer: " in text
    assert "A server did not answer, so there may be more." in text
    assert "requests to prepare" in text


def test_a_server_that_takes_its_time_holds_up_nobody(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many look, one asks; the page says that it does not know yet, and knows it later."""
    monkeypatch.setattr(status_poller, "WAIT_SECONDS_MAX", 0.05)
    held = Held(monkeypatch)
    judge = console_of(client.application).judge
    try:
        assert NOT_KNOWN in text_of(client, "/")
        with ThreadPoolExecutor(8) as pool:
            assert {pool.submit(judge.judgement).result(60) for _ in range(20)} == {None}
        assert held.count == 1
    finally:
        held.go_on.set()
    wait_until(lambda: "Nothing is wrong" in text_of(client, "/"), what="the answer has come")


def test_it_is_asked_once_in_a_while(
    console_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_poller, "PERIOD_SECONDS", 3600.0)
    held = Held(monkeypatch)
    held.go_on.set()
    judge = Judge(load_settings(console_environment))
    first = judge.judgement()
    assert first is not None
    assert [judge.judgement() for _ in range(5)] == [first] * 5
    assert held.count == 1
    # and what is old is not told any more, as if it were so now
    monkeypatch.setattr(status_poller, "OLD_SECONDS", 0.0)
    assert judge.judgement() is None
    judge.stop()


def test_an_error_of_the_program_leaves_the_page(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: OverviewReader) -> Overview:
        raise LookupError("a bug")

    monkeypatch.setattr(OverviewReader, "read", fail)
    assert NOT_KNOWN in text_of(client, "/")
    assert "a bug" in caplog.text


def test_its_connections_are_closed(client: FlaskClient, idle_authority: Authority) -> None:
    text_of(client, "/")
    judge = console_of(client.application).judge
    judge.stop()
    wait_until(lambda: not idle_authority.database.connected(["status"]), what="no session is left")
    before = judge.judgement()
    assert judge.judgement() is before
