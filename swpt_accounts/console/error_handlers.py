"""What is said, in words, when there is no answer."""

import logging
from http import HTTPStatus

from flask import Flask, Response, g, render_template
from werkzeug.exceptions import HTTPException

from swpt_accounts.console.database import NotAllowed, TooSlow
from swpt_accounts.console.dead_letter_queue import BrokerProblem
from swpt_accounts.console.sign_in import refusal
from swpt_accounts.observability.events.console import CONSOLE_PAGE_FAILED
from swpt_accounts.workers.circuit_breaker import DatabaseUnavailable

logger = logging.getLogger(__name__)
_RETRY_AFTER_SECONDS = "5"
_NOT_FOUND = (
    "There is no such page. An id in an address is a decimal number, which may be negative; the"
    " search field understands other spellings, too."
)


def problem(title: str, text: str, status: HTTPStatus) -> Response:
    """A page with a problem."""
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
        "The database does not answer",
        "It is away, or refuses the console. The log of the console says why, and this page comes"
        " back by itself when it is loaded again. The authority may be at work all the same.",
        HTTPStatus.SERVICE_UNAVAILABLE,
    )


def _too_slow(_error: TooSlow) -> Response:
    return problem(
        "That took too long",
        "The database was asked, and did not answer within five seconds, so the question was given"
        " up: the console must not burden the authority. It may be busy, or a table may be locked.",
        HTTPStatus.SERVICE_UNAVAILABLE,
    )


def _not_allowed(error: NotAllowed) -> Response:
    return problem(
        "The role of the console may not read this",
        f"PostgreSQL says: {error}. `configure` grants what is needed to the role that"
        " POSTGRES_READING_ROLE names.",
        HTTPStatus.SERVICE_UNAVAILABLE,
    )


def _broker_problem(error: BrokerProblem) -> Response:
    return problem("The broker gives no answer", str(error), HTTPStatus.SERVICE_UNAVAILABLE)


def _bug(error: Exception) -> Response:
    CONSOLE_PAGE_FAILED.log(logger, error=error)
    if g.get("visitor") is None:
        return refusal()
    return problem(
        "This page has failed",
        "That is an error of the program. The log of the console has more of it.",
        HTTPStatus.INTERNAL_SERVER_ERROR,
    )


def register(app: Flask) -> None:
    """Let the application say these things."""
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(DatabaseUnavailable, _database_away)
    app.register_error_handler(TooSlow, _too_slow)
    app.register_error_handler(NotAllowed, _not_allowed)
    app.register_error_handler(BrokerProblem, _broker_problem)
    app.register_error_handler(Exception, _bug)
