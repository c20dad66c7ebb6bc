"""The resources of the fetch API. They only read."""

from flask import Blueprint, Response, abort, current_app

from swpt_accounts.core.ids import parse_account_id
from swpt_accounts.db.procedures import GET_CONFIG_DATA, IS_REACHABLE
from swpt_accounts.settings import Settings
from swpt_accounts.web.reading import read

POSITIVE_MAX_AGE_SECONDS = 86400
NEGATIVE_MAX_AGE_SECONDS = 1

fetch_api = Blueprint("fetch_api", __name__, url_prefix="/accounts")


def _text(body: str, status: int, max_age_seconds: int) -> Response:
    response = Response(body, status, mimetype="text/plain")
    response.headers["Cache-Control"] = f"max-age={max_age_seconds}"
    return response


def _settings() -> Settings:
    settings: Settings = current_app.extensions["swpt_accounts_settings"]
    return settings


def _account(debtor_id: str, creditor_id: str) -> dict[str, int]:
    """The ids in a path. Answers 404 to what is no id, and 500 to another shard's account."""
    debtor, creditor = parse_account_id(debtor_id), parse_account_id(creditor_id)
    if debtor is None or creditor is None:
        abort(404)
    if not _settings().realm.contains(debtor, creditor):
        abort(_text("The account belongs to another shard.\n", 500, NEGATIVE_MAX_AGE_SECONDS))
    return {"debtor_id": debtor, "creditor_id": creditor}


@fetch_api.get("/healthz")
def healthz() -> Response:
    """Answer that the server is alive."""
    response = Response("OK\n", mimetype="text/plain")
    response.headers["Cache-Control"] = "no-store"
    return response


@fetch_api.get("/<debtor_id>/<creditor_id>/reachable")
def reachable(debtor_id: str, creditor_id: str) -> Response:
    """Answer 204 if the account accepts incoming transfers, else 404."""
    if not read(_settings(), IS_REACHABLE, **_account(debtor_id, creditor_id)):
        return _text("The account does not accept transfers.\n", 404, NEGATIVE_MAX_AGE_SECONDS)
    response = _text("", 204, POSITIVE_MAX_AGE_SECONDS)
    del response.headers["Content-Type"]
    return response


@fetch_api.get("/<debtor_id>/<creditor_id>/config")
def config(debtor_id: str, creditor_id: str) -> Response:
    """Answer 200 with the account's config_data, or 404 if there is no such account."""
    config_data = read(_settings(), GET_CONFIG_DATA, **_account(debtor_id, creditor_id))
    if config_data is None:
        # Clients expect this very header with every answer about a configuration; but no cache
        # may answer with "no such account" when it has come to be (docs/decisions/0006).
        response = _text("There is no such account.\n", 404, POSITIVE_MAX_AGE_SECONDS)
        response.headers["Vary"] = "*"
        return response
    return _text(config_data, 200, POSITIVE_MAX_AGE_SECONDS)
