"""The resources of the fetch API. They only read."""

from flask import Blueprint, Flask, Response, abort, current_app
from flask.blueprints import BlueprintSetupState
from werkzeug.datastructures import Headers

from swpt_accounts.web.answers import answer
from swpt_accounts.web.shortcut import Shortcut

fetch_api = Blueprint("fetch_api", __name__, url_prefix="/accounts")


@fetch_api.record_once
def _add_shortcut(state: BlueprintSetupState) -> None:
    app = state.app
    assert isinstance(app, Flask)
    app.wsgi_app = Shortcut(app)  # type: ignore[method-assign]


def _response(debtor_id: str, creditor_id: str, what: str) -> Response:
    found = answer(
        current_app.extensions["swpt_accounts_settings"], debtor_id, creditor_id, what
    ) or abort(404)
    response = Response(found.body, found.status)
    response.headers = Headers(found.headers)
    return response


@fetch_api.get("/healthz")
def healthz() -> Response:
    """Answer that the server is alive."""
    response = Response("OK\n", mimetype="text/plain")
    response.headers["Cache-Control"] = "no-store"
    return response


@fetch_api.get("/<debtor_id>/<creditor_id>/reachable")
def reachable(debtor_id: str, creditor_id: str) -> Response:
    """Answer 204 if the account accepts incoming transfers, else 404."""
    return _response(debtor_id, creditor_id, "reachable")


@fetch_api.get("/<debtor_id>/<creditor_id>/config")
def config(debtor_id: str, creditor_id: str) -> Response:
    """Answer 200 with the account's config_data, or 404 if there is no such account."""
    return _response(debtor_id, creditor_id, "config")
