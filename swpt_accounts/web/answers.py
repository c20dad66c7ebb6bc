"""What the fetch API answers about an account."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from swpt_accounts.core.ids import parse_account_id
from swpt_accounts.db.procedures import GET_CONFIG_DATA, IS_REACHABLE
from swpt_accounts.observability.metrics.definitions import FETCH_ANSWERS
from swpt_accounts.observability.metrics.recorder import observe
from swpt_accounts.settings import Settings
from swpt_accounts.web.database import DatabaseAway, read

POSITIVE_MAX_AGE_SECONDS = 86400
NEGATIVE_MAX_AGE_SECONDS = 1
RETRY_AFTER_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Answer:
    """A status line without the protocol ("200 OK"), the headers in their order, and the body."""

    status: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""


def _max_age(seconds: int) -> tuple[str, str]:
    return "Cache-Control", f"max-age={seconds}"


def _text(status: str, text: str, max_age_seconds: int, *more: tuple[str, str]) -> Answer:
    body = text.encode()
    headers = (
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
        _max_age(max_age_seconds),
        *more,
    )
    return Answer(status, headers, body)


def _unavailable() -> Answer:
    body = b"The database does not answer.\n"
    headers = (
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("Retry-After", str(RETRY_AFTER_SECONDS)),
    )
    return Answer("503 SERVICE UNAVAILABLE", headers, body)


_UNAVAILABLE = _unavailable()
_FOREIGN = _text(
    "500 INTERNAL SERVER ERROR", "The account belongs to another shard.\n", NEGATIVE_MAX_AGE_SECONDS
)
_REACHABLE = Answer("204 NO CONTENT", (_max_age(POSITIVE_MAX_AGE_SECONDS),))
_NOT_REACHABLE = _text(
    "404 NOT FOUND", "The account does not accept transfers.\n", NEGATIVE_MAX_AGE_SECONDS
)
# Clients expect this very Cache-Control with every answer about a configuration; but no cache
# may answer with "no such account" when it has come to be (docs/decisions/0006).
_NO_ACCOUNT = _text(
    "404 NOT FOUND", "There is no such account.\n", POSITIVE_MAX_AGE_SECONDS, ("Vary", "*")
)


def _reachable(settings: Settings, debtor_id: int, creditor_id: int) -> Answer:
    is_reachable = read(settings, IS_REACHABLE, debtor_id=debtor_id, creditor_id=creditor_id)
    return _REACHABLE if is_reachable == "t" else _NOT_REACHABLE


def _config(settings: Settings, debtor_id: int, creditor_id: int) -> Answer:
    config_data = read(settings, GET_CONFIG_DATA, debtor_id=debtor_id, creditor_id=creditor_id)
    if config_data is None:
        return _NO_ACCOUNT
    return _text("200 OK", config_data, POSITIVE_MAX_AGE_SECONDS)


_RESOURCES: dict[str, Callable[[Settings, int, int], Answer]] = {
    "reachable": _reachable,
    "config": _config,
}


def answer(settings: Settings, debtor_id: str, creditor_id: str, what: str) -> Answer | None:
    """The answer about an account of this shard; the parameters are parts of the path.

    `None` if nothing has such a path, because an id is not in canonical form, say.
    """
    resource = _RESOURCES.get(what)
    debtor, creditor = parse_account_id(debtor_id), parse_account_id(creditor_id)
    if resource is None or debtor is None or creditor is None:
        return None
    if not settings.realm.contains(debtor, creditor):
        observe(FETCH_ANSWERS, 0.0, what, _FOREIGN.status[:3])
        return _FOREIGN
    started_at = monotonic()
    try:
        found = resource(settings, debtor, creditor)
    except DatabaseAway:
        found = _UNAVAILABLE
    observe(FETCH_ANSWERS, monotonic() - started_at, what, found.status[:3])
    return found
