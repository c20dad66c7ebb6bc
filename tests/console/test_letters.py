"""Dead letters in the console."""

import re
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from agentkit.authority import Authority
from agentkit.messages import balance_change, configure, encode
from tests.console.conftest import signed_in
from tests.console.web import ACTIONS_TOKEN
from tests.e2e.letters import STREAM, declare, put_aside

HOSTILE = "x</pre><script>alert(1)</script>"


@pytest.fixture
def letters(idle_authority: Authority) -> Iterator[Authority]:
    """A stream with a letter that can be sent again, and one that cannot."""
    declare(idle_authority)
    put_aside(idle_authority, configure(5, 7))
    put_aside(idle_authority, configure(5, 8, seqnum=HOSTILE), HOSTILE)
    yield idle_authority
    idle_authority.query("TRUNCATE dead_letter_dealt_with")
    idle_authority.broker.channel.queue_purge(idle_authority.queue)


def form(client: FlaskClient, offset: int, pages: str = "/dead-letters") -> dict[str, str]:
    """What the form on the page of a letter sends, with the token."""
    text = client.get(f"{pages}/{offset}").text
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', text))
    assert set(fields) == {"form_token", "digest"}
    return {**fields, "actions_token": ACTIONS_TOKEN}


def states(authority: Authority) -> list[tuple[int, str]]:
    rows = authority.query("SELECT stream_offset, state FROM dead_letter_dealt_with")
    return [(offset, state) for offset, state in rows]


def test_they_are_listed_and_shown(client: FlaskClient, letters: Authority) -> None:
    text = client.get("/dead-letters").text
    assert text.index("/dead-letters/1") < text.index("/dead-letters/0")
    assert "refused by the database" in text
    assert "<script>alert" not in text
    text = client.get("/dead-letters/1").text
    assert "it would be rejected again" in text
    assert "&lt;script&gt;alert" in text
    assert "<script>alert" not in text
    assert client.get("/dead-letters/2").status_code == 404
    assert "/dead-letters/0" in client.get("/dead-letters?before=1").text


def test_those_with_money_have_pages_of_their_own(client: FlaskClient, letters: Authority) -> None:
    money, pages = f"{letters.queue}.money.XQ", "/dead-letters/money"
    assert f'<a href="{pages}"><code>{money}</code></a>' in client.get("/dead-letters").text
    assert "No dead letters" in client.get(pages).text
    assert client.get(f"{pages}/0").status_code == 404
    letters.broker.declare_queue(money, **STREAM)
    change = balance_change(5, 7, 8, 100)
    letters.broker.publish("", money, encode(change), type=change["type"])
    letters.broker.publish("", money, encode(change), type=change["type"])
    text = client.get(pages).text
    assert f'href="{pages}/1"' in text
    assert "PendingBalanceChange" in text
    assert "ConfigureAccount" not in text
    answer = client.post(f"{pages}/1/discard", data=form(client, 1, pages))
    assert "Discarded." in answer.text
    query = "SELECT queue, stream_offset, state FROM dead_letter_dealt_with"
    assert letters.query(query) == [(money, 1, "discarded")]
    assert "discarded" in client.get(pages).text
    assert "discarded" not in client.get("/dead-letters").text
    letters.broker.channel.queue_delete(money)


def test_there_are_none(client: FlaskClient, idle_authority: Authority) -> None:
    declare(idle_authority)
    assert "No dead letters" in client.get("/dead-letters").text


def test_a_letter_is_sent_again(client: FlaskClient, letters: Authority) -> None:
    answer = client.post("/dead-letters/0/replay", data=form(client, 0))
    assert answer.status_code == 200
    assert "Sent again." in answer.text
    assert states(letters) == [(0, "replayed")]
    assert letters.broker.get(letters.queue) is not None
    assert letters.broker.get(letters.queue) is None
    assert "replayed" in client.get("/dead-letters").text


def test_a_letter_that_would_be_refused_is_not_sent(
    client: FlaskClient, letters: Authority
) -> None:
    answer = client.post("/dead-letters/1/replay", data=form(client, 1))
    assert "Not sent: it would be rejected again" in answer.text
    assert states(letters) == []


def test_a_letter_is_discarded(client: FlaskClient, letters: Authority) -> None:
    answer = client.post("/dead-letters/1/discard", data=form(client, 1))
    assert "Discarded. It stays" in answer.text
    assert states(letters) == [(1, "discarded")]
    assert "<h2>Actions</h2>" not in client.get("/dead-letters/1").text


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("actions_token", "", 403),
        ("actions_token", "a-token-of-a-test-0123456789", 403),
        ("form_token", "", 403),
        ("form_token", "9999999999.0", 403),
        ("digest", "00", 503),
    ],
)
def test_a_form_that_is_not_taken(
    client: FlaskClient, letters: Authority, field: str, value: str, code: int
) -> None:
    for action in ("replay", "discard"):
        answer = client.post(f"/dead-letters/0/{action}", data={**form(client, 0), field: value})
        assert answer.status_code == code
    assert states(letters) == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_form_of_another_site(
    client: FlaskClient, letters: Authority, headers: dict[str, str]
) -> None:
    data = form(client, 0)
    answer = client.post("/dead-letters/0/discard", data=data, headers=headers)
    assert answer.status_code == 403
    assert states(letters) == []


def test_nothing_is_done_by_a_link(client: FlaskClient, letters: Authority) -> None:
    assert client.get("/dead-letters/0/discard").status_code == 405
    assert client.post("/dead-letters/0/delete").status_code == 404


def test_without_the_second_token_nothing_can_be_done(
    letters: Authority, console_environment: dict[str, str]
) -> None:
    environment = {k: v for k, v in console_environment.items() if "ACTIONS" not in k}
    with signed_in(environment) as client:
        text = client.get("/dead-letters/0").text
        assert "<h2>Actions</h2>" not in text
        assert "dead_letters replay -q swpt_accounts --offset 0" in text
        assert client.post("/dead-letters/0/discard").status_code == 404
    assert states(letters) == []


def test_there_is_no_queue(client: FlaskClient, idle_authority: Authority) -> None:
    idle_authority.broker.channel.queue_delete(f"{idle_authority.queue}.XQ")
    answer = client.get("/dead-letters")
    assert answer.status_code == 503
    assert "does not exist" in answer.text


def test_the_queue_is_no_stream(client: FlaskClient, idle_authority: Authority) -> None:
    declare(idle_authority, {"x-queue-type": "classic"})
    answer = client.get("/dead-letters")
    assert answer.status_code == 503
    assert "is not a stream" in answer.text


def test_the_broker_is_away(idle_authority: Authority, console_environment: dict[str, str]) -> None:
    away = {**console_environment, "PROTOCOL_BROKER_URL": "amqp://u:secret@127.0.0.1:1/x"}
    with signed_in(away) as client:
        answer = client.get("/dead-letters")
        assert answer.status_code == 503
        assert "The dead letters are not available" in answer.text
        assert "secret" not in answer.text
