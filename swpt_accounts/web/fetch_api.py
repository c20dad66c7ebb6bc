"""The resources of the fetch API: what other servers may ask. They only read.

This is a WSGI application before that of Flask, whose routing and contexts would take more time
than all the rest that the program does for a request. Flask gets what is no resource, and errors;
it is loaded when the first of them comes.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from time import monotonic
from typing import TYPE_CHECKING, Final

from swpt_accounts.core.account_lists import (
    ACCOUNTS_COUNT_MAX,
    Account,
    parse_account_list,
    status_lines,
)
from swpt_accounts.core.ids import parse_account_id
from swpt_accounts.db.outage_reporter import DatabaseUnavailable
from swpt_accounts.observability.metrics.definitions import FETCH_ANSWERS
from swpt_accounts.observability.metrics.recorder import observe
from swpt_accounts.settings import Settings
from swpt_accounts.web.database import are_reachable, config_data

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
# of many accounts: for the one who asks, and only where it is "yes"
_OF_MANY: Final = ("Cache-Control", f"private, max-age={POSITIVE_MAX_AGE_SECONDS}")
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
BROKEN: Final = _text("500 INTERNAL SERVER ERROR", "There is an error in the program.\n")
_REACHABLE: Final = Answer("204 NO CONTENT", (_POSITIVE,))
_NOT_REACHABLE: Final = _text(
    "404 NOT FOUND", "The account does not accept transfers.\n", _NEGATIVE
)
# Clients expect this very Cache-Control with every answer about a configuration; but no cache
# may answer with "no such account" when it has come to be (docs/decisions/0006).
_NO_ACCOUNT: Final = _text("404 NOT FOUND", "There is no such account.\n", _POSITIVE, ("Vary", "*"))


_BAD_LIST: Final = _text(
    "400 BAD REQUEST",
    f"The list is not one of accounts, or has over {ACCOUNTS_COUNT_MAX - 1}.\n",
    _NO_STORE,
)


def _reachable(settings: Settings, account: Account) -> Answer:
    (is_reachable,) = are_reachable(settings, [account])
    return _reachability(is_reachable)


def _reachability(is_reachable: bool) -> Answer:
    return _REACHABLE if is_reachable else _NOT_REACHABLE


def _config(settings: Settings, account: Account) -> Answer:
    found = config_data(settings, account)
    return _NO_ACCOUNT if found is None else _text("200 OK", found, _POSITIVE)


HEALTH_PATH: Final = "/accounts/healthz"
ACCOUNT_RESOURCES: Final[dict[str, Callable[[Settings, Account], Answer]]] = {
    "reachable": _reachable,
    "config": _config,
}
"""What follows `/accounts/DEBTOR_ID/CREDITOR_ID/`."""

_ALSO: Final = "also="
_QUESTION: Final = re.compile(
    rb"GET /accounts/([0-9]{1,20})/([0-9]{1,20})/reachable HTTP/1\.1", re.ASCII
)
_SLASHES: Final = re.compile("//+")
_METHODS: Final = ("GET", "HEAD", "OPTIONS")


class FetchApi:
    """Answers the requests for the resources of the fetch API."""

    def __init__(self, make_app: "Callable[[], Flask]", settings: Settings) -> None:
        self._make_app = cache(make_app)
        self._settings = settings

    def account_of(self, line: bytes) -> Account | None:
        """The account of this shard about which the first line of a request asks, whether it is
        reachable. None if that is not what it asks.
        """
        found = _QUESTION.fullmatch(line)
        if found is None:
            return None
        debtor_id, creditor_id = (parse_account_id(text.decode()) for text in found.groups())
        if debtor_id is None or creditor_id is None:
            return None
        account = debtor_id, creditor_id
        return account if self._settings.realm.contains(*account) else None

    def are_reachable(self, accounts: Sequence[Account]) -> list[Answer]:
        """An answer about each of these accounts, which are of this shard."""
        started_at = monotonic()
        try:
            found = are_reachable(self._settings, accounts)
        except DatabaseUnavailable:
            _note({_UNAVAILABLE.status[:3]: len(accounts)}, started_at)
            return [_UNAVAILABLE] * len(accounts)
        return self.answers(found, started_at)

    def answers(self, found: Sequence[bool], started_at: float) -> list[Answer]:
        """The answers, where it is known whether the accounts are reachable."""
        answers = [_reachability(is_reachable) for is_reachable in found]
        _note(Counter(answer.status[:3] for answer in answers), started_at)
        return answers

    def _other(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        app = self._make_app()
        # That of Flask itself: the object's own may be this FetchApi.
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
            query = environ.get("QUERY_STRING", "")
            found = self._answer(parts[2:], query) if is_of_account else _HEALTHY
        except Exception as error:
            app = self._make_app()
            with app.request_context(environ):
                return app.handle_exception(error)(environ, start_response)
        if found is None:
            return self._other(environ, start_response)
        start_response(found.status, list(found.headers))
        return (found.body,) if found.body and method == "GET" else ()

    def _answer(self, parts: list[str], query: str) -> Answer | None:
        """The answer about an account; None if an id is not in its canonical form."""
        *ids, what = parts
        debtor, creditor = map(parse_account_id, ids)
        if debtor is None or creditor is None:
            return None
        account = debtor, creditor
        if not self._settings.realm.contains(*account):
            observe(FETCH_ANSWERS, 0.0, what, _FOREIGN.status[:3])
            return _FOREIGN
        if what == "reachable" and query.startswith(_ALSO):
            return self._answer_many(account, query.removeprefix(_ALSO))
        started_at = monotonic()
        try:
            found = ACCOUNT_RESOURCES[what](self._settings, account)
        except DatabaseUnavailable:
            found = _UNAVAILABLE
        observe(FETCH_ANSWERS, monotonic() - started_at, what, found.status[:3])
        return found

    def _answer_many(self, account: Account, others: str) -> Answer:
        """Whether an account of this shard, and others, of whatever shard, are reachable."""
        listed = parse_account_list(others)
        if listed is None or len(listed) >= ACCOUNTS_COUNT_MAX:
            return _BAD_LIST
        started_at = monotonic()
        statuses = dict.fromkeys((account, *listed), _FOREIGN.status[:3])
        own = [one for one in statuses if self._settings.realm.contains(*one)]
        try:
            for one, is_reachable in zip(own, are_reachable(self._settings, own), strict=True):
                statuses[one] = (_REACHABLE if is_reachable else _NOT_REACHABLE).status[:3]
            found = _text("200 OK", status_lines(statuses), _OF_MANY)
        except DatabaseUnavailable:
            statuses = dict.fromkeys(statuses, _UNAVAILABLE.status[:3])
            found = _UNAVAILABLE
        _note(Counter(statuses.values()), started_at)
        return found


def _note(counts: Mapping[str, int], started_at: float) -> None:
    """Record so many answers of each status."""
    seconds = monotonic() - started_at
    for status, count in counts.items():
        observe(FETCH_ANSWERS, seconds, "reachable", status, count=count)


def _without_get(method: str) -> "WSGIApplication":
    """What other methods get, of whatever resource."""
    from werkzeug import Response
    from werkzeug.exceptions import MethodNotAllowed

    if method != "OPTIONS":
        return MethodNotAllowed(_METHODS)
    response = Response(mimetype="text/html")
    response.allow.update(_METHODS)
    return response
