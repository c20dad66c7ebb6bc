"""Who may look at the console."""

import time
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from swpt_accounts.console.auth import FORM_SECONDS, SESSION_SECONDS, Authenticator, Visitor, same
from swpt_accounts.console.context import Console
from swpt_accounts.settings import load_settings

TOKEN, ACTIONS_TOKEN = "t" * 20, "a" * 20


def auth(**settings: str) -> Authenticator:
    return Authenticator(load_settings(settings))


def ask(auth: Authenticator, headers: Any = (), address: str = "127.0.0.1") -> Visitor | None:
    """Who has sent a request with these headers."""
    app = Flask(__name__)
    auth.register(app)
    with app.test_request_context(headers=list(headers), environ_base={"REMOTE_ADDR": address}):
        return auth.visitor()


def client(made: Authenticator, **settings: str) -> FlaskClient:
    """A browser before a console that has nothing but its sign-in page."""
    app = Flask("swpt_accounts.console.application")
    made.register(app)
    unused: Any = None
    Console(load_settings(settings), made, unused, unused, unused, unused, unused).keep_in(app)
    return app.test_client()


def sign_in(**settings: str) -> tuple[Authenticator, str]:
    """The cookie of a session."""
    made = auth(**settings)
    answer = client(made, **settings).post("/sign-in", data={"token": TOKEN})
    assert answer.status_code == 303
    return made, answer.headers["Set-Cookie"].partition(";")[0]


def test_where_only_a_proxy_signs_in_that_is_said() -> None:
    settings = {"CONSOLE_USER_HEADER": "X-User"}
    visitor = client(auth(**settings), **settings)
    for answer in (visitor.get("/"), visitor.post("/sign-in", data={"token": TOKEN})):
        assert answer.status_code == 401
        assert "Only the proxy before this console signs users in" in answer.text


def test_a_session_is_of_one_token() -> None:
    made, cookie = sign_in(CONSOLE_TOKEN=TOKEN)
    found = ask(made, [("Cookie", cookie)])
    assert found is not None
    assert found.name is None
    assert TOKEN not in cookie
    assert sign_in(CONSOLE_TOKEN=TOKEN)[1] != cookie
    for other in (auth(CONSOLE_TOKEN="u" * 20), auth(CONSOLE_USER_HEADER="X-User")):
        assert ask(other, [("Cookie", cookie)]) is None


@pytest.mark.parametrize("value", ["", "x", "x" * 100_000, "..", "eyJpZCI6IjEifQ.x.y"])
def test_a_cookie_that_is_no_session(value: str) -> None:
    assert ask(auth(CONSOLE_TOKEN=TOKEN), [("Cookie", f"swpt_console={value}")]) is None


def test_a_session_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    made, cookie = sign_in(CONSOLE_TOKEN=TOKEN)
    now = time.time()
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: now + SESSION_SECONDS - 1)
    assert ask(made, [("Cookie", cookie)]) is not None
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: now + SESSION_SECONDS + 2)
    assert ask(made, [("Cookie", cookie)]) is None


@pytest.mark.parametrize(
    "text",
    ["", "Bearer", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer  {TOKEN}", TOKEN],
)
def test_an_authorization_that_is_none(text: str) -> None:
    assert ask(auth(CONSOLE_TOKEN=TOKEN), [("Authorization", text)]) is None


def test_a_bearer() -> None:
    headers = [("Authorization", f"Bearer {TOKEN}")]
    assert ask(auth(CONSOLE_TOKEN=TOKEN), headers) is not None


def test_without_a_token_nobody_has_it() -> None:
    made = auth(CONSOLE_USER_HEADER="X-User")
    for text in ("", "None", TOKEN):
        assert not made.has_token(text)
        assert ask(made, [("Authorization", f"Bearer {text}")]) is None


@pytest.mark.parametrize(
    ("headers", "address", "is_known"),
    [
        ([("X-User", "ann")], "127.0.0.1", True),
        ([("x-user", "ann")], "10.1.2.3", True),
        ([("X-User", "ann")], "10.2.2.3", False),
        ([("X-User", "ann")], "", False),
        ([("X-User", "ann")], "unix", False),
        ([("X-User", "")], "127.0.0.1", False),
        ([("X-User", "x" * 201)], "127.0.0.1", False),
        ([("X-Other", "ann")], "127.0.0.1", False),
        ([], "127.0.0.1", False),
    ],
)
def test_a_proxy(headers: list[tuple[str, str]], address: str, is_known: bool) -> None:
    made = auth(CONSOLE_USER_HEADER="X-User", CONSOLE_PROXY_ADDRESSES="127.0.0.1 10.1.0.0/16 ::1")
    found = ask(made, headers, address)
    assert (found is not None and found.name == "ann") == is_known


def test_the_header_counts_only_where_it_is_set() -> None:
    assert ask(auth(CONSOLE_TOKEN=TOKEN), [("X-User", "ann")]) is None


def test_the_token_for_actions() -> None:
    made = auth(CONSOLE_TOKEN=TOKEN, CONSOLE_ACTIONS_TOKEN=ACTIONS_TOKEN)
    assert made.has_actions
    assert made.may_act(ACTIONS_TOKEN)
    for text in ("", TOKEN, ACTIONS_TOKEN + "a"):
        assert not made.may_act(text)
    without = auth(CONSOLE_TOKEN=TOKEN)
    assert not without.has_actions
    for text in ("", "None", ACTIONS_TOKEN):
        assert not without.may_act(text)


def test_a_form_is_of_one_visitor_and_one_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    made = auth(CONSOLE_TOKEN=TOKEN, CONSOLE_ACTIONS_TOKEN=ACTIONS_TOKEN)
    one, other = Visitor(None, "one"), Visitor("other", "user other")
    token = made.form_token(one)
    assert made.is_form_token(one, token)
    assert not made.is_form_token(other, token)
    for text in ("", ".", token[1:], f"9{token}", token + "0"):
        assert not made.is_form_token(one, text)
    later = time.time() + FORM_SECONDS + 2
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: later)
    assert not made.is_form_token(one, token)


def test_wrong_tokens_are_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    made = auth(CONSOLE_TOKEN=TOKEN)
    for _ in range(5):
        made.note_wrong_token()
    assert caplog.messages == ["failed console sign-ins in the last minute: 1"]


def test_texts_are_compared_whole() -> None:
    assert same("é", "é")
    assert not same("a", "a\0")
    assert not same("", "x")
