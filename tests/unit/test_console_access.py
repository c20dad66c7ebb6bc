"""Who may look at the console."""

import time
from typing import Any

import pytest
from werkzeug.datastructures import Headers

from swpt_accounts.console.access import SESSION_SECONDS, Guard, Visitor, same
from swpt_accounts.settings import load_settings

TOKEN, ACTIONS_TOKEN = "t" * 20, "a" * 20


def guard(**settings: str) -> Guard:
    return Guard(load_settings(settings))


def ask(guard: Guard, **asked: Any) -> Visitor | None:
    headers = Headers(asked.pop("headers", ()))
    given = {"cookie": "", "authorization": "", "address": "127.0.0.1", **asked}
    return guard.visitor(headers=headers, **given)


def test_a_session() -> None:
    made = guard(CONSOLE_TOKEN=TOKEN)
    cookie = made.new_session()
    assert ask(made, cookie=cookie) == Visitor(None, cookie)
    assert made.new_session() != cookie
    # another token is another key
    assert ask(guard(CONSOLE_TOKEN="u" * 20), cookie=cookie) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda c: "",
        lambda c: c[:-1],
        lambda c: c[:-1] + ("0" if c[-1] != "0" else "1"),
        lambda c: "9" + c,
        lambda c: c + " ",
        lambda c: c.replace(".", ""),
        lambda c: "x" * 100_000,
        lambda c: "\ud800",
        lambda c: "..",
        lambda c: f"x.y.{c.rpartition('.')[2]}",
    ],
)
def test_a_cookie_that_is_none(change: Any) -> None:
    made = guard(CONSOLE_TOKEN=TOKEN)
    assert ask(made, cookie=change(made.new_session())) is None


def test_a_session_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    made = guard(CONSOLE_TOKEN=TOKEN)
    cookie = made.new_session()
    later = time.time() + SESSION_SECONDS + 1
    monkeypatch.setattr("swpt_accounts.console.access.time", lambda: later)
    assert ask(made, cookie=cookie) is None


@pytest.mark.parametrize(
    "text",
    ["", "Bearer", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer  {TOKEN}", TOKEN],
)
def test_an_authorization_that_is_none(text: str) -> None:
    assert ask(guard(CONSOLE_TOKEN=TOKEN), authorization=text) is None


def test_a_bearer() -> None:
    assert ask(guard(CONSOLE_TOKEN=TOKEN), authorization=f"Bearer {TOKEN}") is not None


def test_without_a_token_nobody_has_it() -> None:
    made = guard(CONSOLE_USER_HEADER="X-User")
    for text in ("", "None", TOKEN):
        assert not made.has_token(text)
        assert ask(made, authorization=f"Bearer {text}") is None
        assert ask(made, cookie=f"9999999999.{text}.{text}") is None


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
        ([("X-User", "ann"), ("X-User", "bob")], "127.0.0.1", False),
        ([("X-Other", "ann")], "127.0.0.1", False),
        ([], "127.0.0.1", False),
    ],
)
def test_a_proxy(headers: list[tuple[str, str]], address: str, is_known: bool) -> None:
    made = guard(CONSOLE_USER_HEADER="X-User", CONSOLE_PROXY_ADDRESSES="127.0.0.1 10.1.0.0/16 ::1")
    found = ask(made, headers=headers, address=address)
    assert (found is not None and found.name == "ann") == is_known


def test_the_header_counts_only_where_it_is_set() -> None:
    assert ask(guard(CONSOLE_TOKEN=TOKEN), headers=[("X-User", "ann")]) is None


def test_the_token_for_actions() -> None:
    made = guard(CONSOLE_TOKEN=TOKEN, CONSOLE_ACTIONS_TOKEN=ACTIONS_TOKEN)
    assert made.has_actions
    assert made.may_act(ACTIONS_TOKEN)
    for text in ("", TOKEN, ACTIONS_TOKEN + "a"):
        assert not made.may_act(text)
    without = guard(CONSOLE_TOKEN=TOKEN)
    assert not without.has_actions
    for text in ("", "None", ACTIONS_TOKEN):
        assert not without.may_act(text)


def test_a_form_is_of_one_visitor_and_one_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    made = guard(CONSOLE_TOKEN=TOKEN, CONSOLE_ACTIONS_TOKEN=ACTIONS_TOKEN)
    one, other = Visitor(None, "one"), Visitor("other", "user other")
    token = made.form_token(one)
    assert made.is_form_token(one, token)
    assert not made.is_form_token(other, token)
    for text in ("", ".", token[1:], f"9{token}", token + "0"):
        assert not made.is_form_token(one, text)
    later = time.time() + 3601
    monkeypatch.setattr("swpt_accounts.console.access.time", lambda: later)
    assert not made.is_form_token(one, token)


def test_texts_are_compared_whole() -> None:
    assert same("é", "é")
    assert not same("a", "a\0")
    assert not same("", "x")
