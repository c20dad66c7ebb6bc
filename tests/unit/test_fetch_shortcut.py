"""The fetch API answers the same, whether past Flask or through it."""

import logging
from functools import partial

import pytest
from flask import Flask
from werkzeug.test import Client

from swpt_accounts.core.realm import Realm
from swpt_accounts.db.procedures import IS_REACHABLE, Procedure
from swpt_accounts.settings import Settings, load_settings
from swpt_accounts.web import answers
from swpt_accounts.web.database import DatabaseAway
from swpt_accounts.web.views import fetch_api

DEBTOR_ID = 2**64 - 2
REACHABLE, UNREACHABLE, BROKEN, AWAY = (2**32 + i for i in range(1, 5))
CONFIG_DATA = '{"x": "Ünïcode ✓"}'


def read(_settings: Settings, procedure: Procedure, debtor_id: int, creditor_id: int) -> str | None:
    """Stands for the database."""
    assert debtor_id == -2
    if creditor_id == AWAY:
        raise DatabaseAway
    if creditor_id == BROKEN:
        raise RuntimeError("there is an error in the program")
    if procedure is IS_REACHABLE:
        return "t" if creditor_id == REACHABLE else "f"
    return CONFIG_DATA if creditor_id == REACHABLE else None


def make_app(routing_key: str) -> Flask:
    app = Flask(__name__)
    app.extensions["swpt_accounts_settings"] = load_settings(
        {"PROTOCOL_BROKER_QUEUE_ROUTING_KEY": routing_key}
    )
    app.register_blueprint(fetch_api)
    return app


def ask_both(app: Flask, method: str, path: str) -> tuple[int, list[tuple[str, str]], bytes]:
    """The status, the headers and the body, after they were seen to be the same both ways."""
    found = []
    for wsgi_app in (app, partial(Flask.wsgi_app, app)):
        response = Client(wsgi_app).open(path, method=method)
        # The order of the methods in Allow differs from answer to answer.
        headers = [(k, sorted(v) if k == "Allow" else v) for k, v in response.headers]
        found.append((response.status, headers, response.data))
    assert found[0] == found[1]
    return response.status_code, list(response.headers), response.data


@pytest.fixture(autouse=True)
def database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "read", read)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
@pytest.mark.parametrize(
    "path",
    [
        *(f"/accounts/{DEBTOR_ID}/{c}/reachable" for c in (REACHABLE, UNREACHABLE, BROKEN, AWAY)),
        *(f"/accounts/{DEBTOR_ID}/{c}/config" for c in (REACHABLE, UNREACHABLE, BROKEN, AWAY)),
        f"/accounts/{DEBTOR_ID}/{REACHABLE}/reachable?a=b",
        f"/accounts/{DEBTOR_ID}/{REACHABLE}/reachable/",
        f"/accounts/{DEBTOR_ID}/{REACHABLE}/other",
        f"/accounts/{DEBTOR_ID}//{REACHABLE}/reachable",
        f"/accounts/{DEBTOR_ID}//reachable",
        f"/accounts/{DEBTOR_ID}/007/reachable",
        f"/accounts/-2/{REACHABLE}/config",
        f"/accounts/{DEBTOR_ID}/%EF%BC%91/config",
        f"/account/{DEBTOR_ID}/{REACHABLE}/reachable",
        "/accounts/healthz",
        "/accounts",
        "/",
    ],
)
def test_same_answers(method: str, path: str) -> None:
    ask_both(make_app("#"), method, path)


def test_same_answers_about_accounts_of_another_shard() -> None:
    app = make_app("1.#")
    codes = set()
    for creditor_id in (REACHABLE, UNREACHABLE):
        is_own = Realm.parse("1.#").contains(-2, creditor_id)
        for what in ("reachable", "config"):
            path = f"/accounts/{DEBTOR_ID}/{creditor_id}/{what}"
            code, _, _ = ask_both(app, "GET", path)
            assert (code == 500) == (not is_own)
            codes.add(code)
    assert 500 in codes


def test_answers() -> None:
    app = make_app("#")
    path = f"/accounts/{DEBTOR_ID}/{REACHABLE}"
    assert ask_both(app, "GET", f"{path}/reachable") == (
        204,
        [("Cache-Control", "max-age=86400")],
        b"",
    )
    body = CONFIG_DATA.encode()
    assert ask_both(app, "GET", f"{path}/config") == (
        200,
        [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "max-age=86400"),
        ],
        body,
    )


def test_database_that_is_away() -> None:
    code, headers, body = ask_both(make_app("#"), "GET", f"/accounts/{DEBTOR_ID}/{AWAY}/config")
    assert (code, body) == (503, b"The database does not answer.\n")
    assert {("Retry-After", "2"), ("Cache-Control", "no-store")} <= set(headers)


def test_error_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    app = make_app("#")
    path = f"/accounts/{DEBTOR_ID}/{BROKEN}/reachable"
    with caplog.at_level(logging.ERROR):
        assert Client(app).get(path).status_code == 500
    (record,) = caplog.records
    assert path in record.getMessage()
    assert record.exc_info is not None


def test_way_past_flask_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_app("#")

    def refuse(_environ: object) -> None:
        raise AssertionError("Flask was asked")

    monkeypatch.setattr(app, "request_context", refuse)
    for creditor_id, code in ((REACHABLE, 204), (UNREACHABLE, 404)):
        path = f"/accounts/{DEBTOR_ID}/{creditor_id}/reachable"
        assert Client(app).get(path).status_code == code
