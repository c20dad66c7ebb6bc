"""What the fetch API answers, where the database is a stand-in."""

import logging

import pytest
from flask import Flask
from werkzeug.test import Client

from swpt_accounts.core.realm import Realm
from swpt_accounts.db.outage_reporter import DatabaseUnavailable
from swpt_accounts.db.procedures import IS_REACHABLE, Procedure
from swpt_accounts.settings import Settings, load_settings
from swpt_accounts.web import fetch_api
from swpt_accounts.web.fetch_api import FetchApi

DEBTOR_ID = 2**64 - 2
REACHABLE, UNREACHABLE, BROKEN, AWAY = (2**32 + i for i in range(1, 5))
CONFIG_DATA = '{"x": "Ünïcode ✓"}'


def read(_settings: Settings, procedure: Procedure, debtor_id: int, creditor_id: int) -> str | None:
    """Stands for the database."""
    assert debtor_id == -2
    if creditor_id == AWAY:
        raise DatabaseUnavailable
    if creditor_id == BROKEN:
        raise RuntimeError("there is an error in the program")
    if procedure is IS_REACHABLE:
        return "t" if creditor_id == REACHABLE else "f"
    return CONFIG_DATA if creditor_id == REACHABLE else None


def make_app(routing_key: str) -> Flask:
    app = Flask(__name__)
    settings = load_settings({"PROTOCOL_BROKER_QUEUE_ROUTING_KEY": routing_key})
    app.wsgi_app = FetchApi(lambda: app, settings)  # type: ignore[method-assign]
    return app


def ask(app: Flask, path: str, method: str = "GET") -> tuple[int, list[tuple[str, str]], bytes]:
    """The status, the headers and the body."""
    response = Client(app).open(path, method=method)
    return response.status_code, list(response.headers), response.data


@pytest.fixture(autouse=True)
def database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_api, "read", read)


ACCOUNT = f"/accounts/{DEBTOR_ID}/{REACHABLE}"
RESOURCES = [f"{ACCOUNT}/reachable", f"{ACCOUNT}/config", "/accounts/healthz"]


@pytest.mark.parametrize("what", ["reachable", "config"])
@pytest.mark.parametrize("creditor_id", [REACHABLE, UNREACHABLE, BROKEN, AWAY])
def test_head_is_answered_as_get_without_the_body(creditor_id: int, what: str) -> None:
    app, path = make_app("#"), f"/accounts/{DEBTOR_ID}/{creditor_id}/{what}"
    code, headers, _ = ask(app, path)
    assert code in (200, 204, 404, 500, 503)
    assert ask(app, path, "HEAD") == (code, headers, b"")


@pytest.mark.parametrize("path", RESOURCES)
def test_other_methods(path: str) -> None:
    app = make_app("#")
    for method, code in (("OPTIONS", 200), ("POST", 405), ("DELETE", 405)):
        found, headers, _ = ask(app, path, method)
        assert found == code
        assert sorted(dict(headers)["Allow"].split(", ")) == ["GET", "HEAD", "OPTIONS"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
@pytest.mark.parametrize(
    "path",
    [
        f"{ACCOUNT}/reachable/",
        f"{ACCOUNT}/other",
        f"/accounts/{DEBTOR_ID}//reachable",
        f"/account/{DEBTOR_ID}/{REACHABLE}/reachable",
        "/accounts/healthz/",
        "/accounts",
        "/",
    ],
)
def test_what_is_no_resource_is_not_found(method: str, path: str) -> None:
    assert ask(make_app("#"), path, method)[0] == 404


@pytest.mark.parametrize("ids", [f"{DEBTOR_ID}/007", f"-2/{REACHABLE}", f"{DEBTOR_ID}/%EF%BC%91"])
def test_ids_that_are_not_canonical_are_not_found(ids: str) -> None:
    for what in ("reachable", "config"):
        assert ask(make_app("#"), f"/accounts/{ids}/{what}")[0] == 404


def test_query_and_repeated_slashes_do_not_matter() -> None:
    app = make_app("#")
    for path in (f"{ACCOUNT}/reachable?a=b", f"/accounts/{DEBTOR_ID}//{REACHABLE}/reachable"):
        assert ask(app, path)[0] == 204


def test_health() -> None:
    assert ask(make_app("#"), "/accounts/healthz") == (
        200,
        [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", "3"),
            ("Cache-Control", "no-store"),
        ],
        b"OK\n",
    )


def test_accounts_of_another_shard() -> None:
    app = make_app("1.#")
    codes = set()
    for creditor_id in (REACHABLE, UNREACHABLE):
        is_own = Realm.parse("1.#").contains(-2, creditor_id)
        for what in ("reachable", "config"):
            path = f"/accounts/{DEBTOR_ID}/{creditor_id}/{what}"
            code, _, _ = ask(app, path)
            assert (code == 500) == (not is_own)
            codes.add(code)
    assert 500 in codes


def test_answers() -> None:
    app = make_app("#")
    path = f"/accounts/{DEBTOR_ID}/{REACHABLE}"
    assert ask(app, f"{path}/reachable") == (
        204,
        [("Cache-Control", "max-age=86400")],
        b"",
    )
    body = CONFIG_DATA.encode()
    assert ask(app, f"{path}/config") == (
        200,
        [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "max-age=86400"),
        ],
        body,
    )


def test_database_that_is_away() -> None:
    code, headers, body = ask(make_app("#"), f"/accounts/{DEBTOR_ID}/{AWAY}/config")
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
