"""The resources of the fetch API: what other servers may ask. They only read.

This is a WSGI application before that of Flask, whose routing and contexts would take more time
than all the rest that the program does for a request. Flask gets what is no resource, and errors;
it is loaded when the first of them comes.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from time import monotonic
from typing import TYPE_CHECKING, Final

from swpt_accounts.core.ids import parse_account_id
from swpt_accounts.db.outage_reporter import DatabaseUnavailable
from swpt_accounts.db.procedures import GET_CONFIG_DATA, IS_REACHABLE
from swpt_accounts.observability.metrics.definitions import FETCH_ANSWERS
from swpt_accounts.observability.metrics.recorder import observe
from swpt_accounts.settings import Settings
from swpt_accounts.web.database import read

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from flask import Flask

POSITIVE_MAX_AGE_SECONDS = 86400
NEGATIVE_MAX_AGE_SECONDS = 1
RETRY_AFTER_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Answer:
    """A status line without the protocol ("200 OK"), the headers in their order, and the body."""

    status: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""


def _text(status: str, text: str, *headers: tuple[str, str]) -> Answer:
    body = text.encode()
    content = (
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
    )
    return Answer(status, (*content, *headers), body)


_NO_STORE: Final = ("Cache-Control", "no-store")
_POSITIVE: Final = ("Cache-Control", f"max-age={POSITIVE_MAX_AGE_SECONDS}")
_NEGATIVE: Final = ("Cache-Control", f"max-age={NEGATIVE_MAX_AGE_SECONDS}")

_HEALTHY: Final = _text("200 OK", "OK\n", _NO_STORE)
_UNAVAILABLE: Final = _text(
    "503 SERVICE UNAVAILABLE",
    "The database does not answer.\n",
    _NO_STORE,
    ("Retry-After", str(RETRY_AFTER_SECONDS)),
)
_FOREIGN: Final = _text(
    "500 INTERNAL SERVER ERROR", "The account belongs to another shard.\n", _NEGATIVE
)
_REACHABLE: Final = Answer("204 NO CONTENT", (_POSITIVE,))
_NOT_REACHABLE: Final = _text(
    "404 NOT FOUND", "The account does not accept transfers.\n", _NEGATIVE
)
# Clients expect this very Cache-Control with every answer about a configuration; but no cache
# may answer with "no such account" when it has come to be (docs/decisions/0006).
_NO_ACCOUNT: Final = _text("404 NOT FOUND", "There is no such account.\n", _POSITIVE, ("Vary", "*"))


def _reachable(settings: Settings, debtor_id: int, creditor_id: int) -> Answer:
    is_reachable = read(settings, IS_REACHABLE, debtor_id=debtor_id, creditor_id=creditor_id)
    return _REACHABLE if is_reachable == "t" else _NOT_REACHABLE


def _config(settings: Settings, debtor_id: int, creditor_id: int) -> Answer:
    config_data = read(settings, GET_CONFIG_DATA, debtor_id=debtor_id, creditor_id=creditor_id)
    if config_data is None:
        return _NO_ACCOUNT
    return _text("200 OK", config_data, _POSITIVE)


HEALTH_PATH: Final = "/accounts/healthz"
ACCOUNT_RESOURCES: Final[dict[str, Callable[[Settings, int, int], Answer]]] = {
    "reachable": _reachable,
    "config": _config,
}
"""What follows `/accounts/DEBTOR_ID/CREDITOR_ID/`."""

_SLASHES: Final = re.compile("//+")
_METHODS: Final = ("GET", "HEAD", "OPTIONS")


class FetchApi:
    """Answers the requests for the resources of the fetch API."""

    def __init__(self, make_app: "Callable[[], Flask]", settings: Settings) -> None:
        self._make_app = cache(make_app)
        self._settings = settings

    def _other(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        app = self._make_app()
        # (its own, where this is that of the object)
        return type(app).wsgi_app(app, environ, start_response)

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        path = environ["PATH_INFO"]
        if "//" in path:
            path = _SLASHES.sub("/", path)
        parts = path.split("/")
        is_of_account = len(parts) == 5 and parts[1] == "accounts" and parts[4] in ACCOUNT_RESOURCES
        if not is_of_account and path != HEALTH_PATH:
            return self._other(environ, start_response)
        if method not in ("GET", "HEAD"):
            return _without_get(method)(environ, start_response)
        try:
            found = self._answer(*parts[2:]) if is_of_account else _HEALTHY
        except Exception as error:
            app = self._make_app()
            with app.request_context(environ):
                return app.handle_exception(error)(environ, start_response)
        if found is None:
            return self._other(environ, start_response)
        start_response(found.status, list(found.headers))
        return (found.body,) if found.body and method == "GET" else ()

    def _answer(self, debtor_id: str, creditor_id: str, what: str) -> Answer | None:
        """The answer about an account; None if an id is not in its canonical form."""
        debtor, creditor = parse_account_id(debtor_id), parse_account_id(creditor_id)
        if debtor is None or creditor is None:
            return None
        if not self._settings.realm.contains(debtor, creditor):
            observe(FETCH_ANSWERS, 0.0, what, _FOREIGN.status[:3])
            return _FOREIGN
        started_at = monotonic()
        try:
            found = ACCOUNT_RESOURCES[what](self._settings, debtor, creditor)
        except DatabaseUnavailable:
            found = _UNAVAILABLE
        observe(FETCH_ANSWERS, monotonic() - started_at, what, found.status[:3])
        return found


def _without_get(method: str) -> "WSGIApplication":
    """What other methods get, of whatever resource."""
    from werkzeug import Response
    from werkzeug.exceptions import MethodNotAllowed

    if method != "OPTIONS":
        return MethodNotAllowed(_METHODS)
    response = Response(mimetype="text/html")
    response.allow.update(_METHODS)
    return response
