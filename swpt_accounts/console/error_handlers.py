"""The pages that are shown instead of an answer."""

import logging
from http import HTTPStatus

from flask import Flask, Response, g, render_template
from werkzeug.exceptions import HTTPException

from swpt_accounts.console.auth import refusal
from swpt_accounts.console.database import NotAllowed, TooSlow
from swpt_accounts.console.dead_letter_queue import BrokerProblem
from swpt_accounts.observability.events.console import CONSOLE_PAGE_FAILED
from swpt_accounts.workers.outage_reporter import DatabaseUnavailable

logger = logging.getLogger(__name__)
_RETRY_AFTER_SECONDS = "5"
_NOT_FOUND = (
    "This page does not exist. Ids in addresses are decimal numbers, which may be negative; the"
    " search field accepts other notations."
)


def problem(title: str, text: str, status: HTTPStatus) -> Response:
    response = Response(render_template("problem.html", title=title, text=text), status.value)
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = _RETRY_AFTER_SECONDS
    return response


def _http_error(error: HTTPException) -> Response:
    if g.get("visitor") is None:
        return refusal()
    status = HTTPStatus(error.code or 500)
    text = _NOT_FOUND if status is HTTPStatus.NOT_FOUND else error.description or ""
    return problem(status.phrase, text, status)


def _database_away(_error: DatabaseUnavailable) -> Response:
    return problem(
        "The database is unreachable",
        "The console cannot use the database; its log has the cause. Reload the page to try again."
        " The workers of the authority may be running.",
        HTTPStatus.SERVICE_UNAVAILABLE,
    )


def _too_slow(_error: TooSlow) -> Response:
    return problem(
        "The query timed out",
        "The query was cancelled after five seconds, so that the console does not burden the"
        " authority. The database may be busy, or a table may be locked.",
        HTTPStatus.SERVICE_UNAVAILABLE,
    )


def _not_allowed(error: NotAllowed) -> Response:
    return problem(
        "The role of the console lacks a privilege",
        f"The database rejected a query: {error}. Run `configure`, which grants what is needed to"
        " the role in POSTGRES_READING_ROLE.",
        HTTPStatus.SERVICE_UNAVAILABLE,
    )


def _broker_problem(error: BrokerProblem) -> Response:
    return problem("The dead letters are not available", str(error), HTTPStatus.SERVICE_UNAVAILABLE)


def _bug(error: Exception) -> Response:
    CONSOLE_PAGE_FAILED.log(logger, error=error)
    if g.get("visitor") is None:
        return refusal()
    return problem(
        "This page has failed",
        "This is a bug. The log of the console has the traceback.",
        HTTPStatus.INTERNAL_SERVER_ERROR,
    )


def register(app: Flask) -> None:
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(DatabaseUnavailable, _database_away)
    app.register_error_handler(TooSlow, _too_slow)
    app.register_error_handler(NotAllowed, _not_allowed)
    app.register_error_handler(BrokerProblem, _broker_problem)
    app.register_error_handler(Exception, _bug)
