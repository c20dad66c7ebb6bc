"""What the fetch API answers, where the database is a stand-in."""

import logging

import pytest
from flask import Flask
from werkzeug.test import Client

from swpt_accounts.core.account_lists import ACCOUNTS_COUNT_MAX, Account
from swpt_accounts.core.realm import Realm
from swpt_accounts.db.outage_reporter import DatabaseUnavailable
from swpt_accounts.settings import Settings, load_settings
from swpt_accounts.web import fetch_api
from swpt_accounts.web.fetch_api import FetchApi

DEBTOR_ID = 2**64 - 2
REACHABLE, UNREACHABLE, BROKEN, AWAY = (2**32 + i for i in range(1, 5))
CONFIG_DATA = '{"x": "Ünïcode ✓"}'


def check(account: Account) -> bool:
    """Stands for the database: whether there is such an account."""
    assert account[0] == -2
    if account[1] == AWAY:
        raise DatabaseUnavailable
    if account[1] == BROKEN:
        raise RuntimeError("there is an error in the program")
    return account[1] == REACHABLE


def are_reachable(_settings: Settings, accounts: list[Account]) -> list[bool]:
    return [check(account) for account in accounts]


def config_data(_settings: Settings, account: Account) -> str | None:
    return CONFIG_DATA if check(account) else None


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
    monkeypatch.setattr(fetch_api, "are_reachable", are_reachable)
    monkeypatch.setattr(fetch_api, "config_data", config_data)


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


def ask_about(app: Flask, *creditor_ids: int) -> tuple[int, str]:
    """Ask about many at once: the status, and the text."""
    first, *others = [f"{DEBTOR_ID}/{creditor_id}" for creditor_id in creditor_ids]
    code, headers, body = ask(app, f"/accounts/{first}/reachable?also={','.join(others)}")
    if code == 200:
        assert ("Cache-Control", "private, max-age=86400") in headers
    return code, body.decode()


def test_many_at_once() -> None:
    creditor_ids = UNREACHABLE, REACHABLE, 0, 2**64 - 1
    code, text = ask_about(make_app("#"), *creditor_ids, UNREACHABLE)
    assert (code, text.splitlines()) == (
        200,
        [f"{DEBTOR_ID}/{c} {204 if c == REACHABLE else 404}" for c in creditor_ids],
    )


def test_of_many_those_of_other_shards_get_no_answer() -> None:
    realm = Realm.parse("1.#")
    creditor_ids = list(range(2**40, 2**40 + 30))
    own = [c for c in creditor_ids if realm.contains(-2, c)]
    code, text = ask_about(make_app("1.#"), own[0], *creditor_ids)
    assert code == 200
    statuses = dict(line.split() for line in text.splitlines())
    assert statuses == {f"{DEBTOR_ID}/{c}": "404" if c in own else "500" for c in creditor_ids}
    (foreign, *_) = set(creditor_ids) - set(own)
    assert ask_about(make_app("1.#"), foreign, *own)[0] == 500


def test_no_more_than_allowed_at_once() -> None:
    app = make_app("#")
    creditor_ids = list(range(2**63, 2**63 + ACCOUNTS_COUNT_MAX))
    code, text = ask_about(app, *creditor_ids)
    assert (code, len(text.splitlines())) == (200, ACCOUNTS_COUNT_MAX)
    assert ask_about(app, *creditor_ids, 2**63 - 1)[0] == 400


@pytest.mark.parametrize(
    "also",
    ["", ",", "1", "1/2,", "1/2/3", "1/02", "-1/2", "1/18446744073709551616", "1/%32", "1/2&a=b"],
)
def test_what_is_no_list_is_refused(also: str) -> None:
    assert ask(make_app("#"), f"{ACCOUNT}/reachable?also={also}")[0] == 400


def test_other_resources_and_queries_know_no_lists() -> None:
    app = make_app("#")
    for path in ("reachable?Also=1/2", "reachable?a=b&also=1/2"):
        assert ask(app, f"{ACCOUNT}/{path}")[0] == 204
    assert ask(app, f"{ACCOUNT}/config?also=1/2")[2].decode() == CONFIG_DATA


def test_nobody_gets_an_answer_where_one_cannot_be_had() -> None:
    assert ask_about(make_app("#"), REACHABLE, AWAY) == (503, "The database does not answer.\n")
    assert ask_about(make_app("#"), REACHABLE, BROKEN)[0] == 500


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
