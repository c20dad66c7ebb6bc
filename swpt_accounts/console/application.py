"""The application, what every answer has, and the pages that are shown instead of one."""

import logging
import os
import sys
from http import HTTPStatus
from typing import Final

from flask import Flask, Response, g, render_template
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter, ValidationError

from swpt_accounts.console import template_filters
from swpt_accounts.console.auth import Authenticator, refusal
from swpt_accounts.console.context import Console
from swpt_accounts.console.database import ConsoleDatabase, NotAllowed, TooSlow
from swpt_accounts.console.dead_letter_queue import BrokerProblem, DeadLetterQueue
from swpt_accounts.console.pages import BLUEPRINTS
from swpt_accounts.console.pages.dead_letters import MONEY_LETTERS, letters
from swpt_accounts.console.sampler import Sampler
from swpt_accounts.console.status_poller import StatusPoller
from swpt_accounts.core.ids import MAX_INT64, MIN_INT64
from swpt_accounts.db.outage_reporter import DatabaseUnavailable
from swpt_accounts.observability.events.console import CONSOLE_PAGE_FAILED
from swpt_accounts.observability.log import configure_logging
from swpt_accounts.settings import Settings, SettingsError, load_settings

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


_UNAVAILABLE: Final[dict[type[Exception], tuple[str, str]]] = {
    DatabaseUnavailable: (
        "The database is unreachable",
        (
            "The console cannot use the database; its log has the cause. Reload the page to try"
            " again. The workers of the authority may be running."
        ),
    ),
    TooSlow: (
        "The query timed out",
        (
            "The query was cancelled after five seconds, so that the console does not burden the"
            " authority. The database may be busy, or a table may be locked."
        ),
    ),
    NotAllowed: (
        "The role of the console lacks a privilege",
        (
            "The database rejected a query: %s. Run `configure`, which grants what is needed to"
            " the role in POSTGRES_READING_ROLE."
        ),
    ),
    BrokerProblem: ("The dead letters are not available", "%s"),
}


def _unavailable(error: Exception) -> Response:
    title, text = _UNAVAILABLE[type(error)]
    return problem(title, text.replace("%s", str(error)), HTTPStatus.SERVICE_UNAVAILABLE)


def _bug(error: Exception) -> Response:
    CONSOLE_PAGE_FAILED.log(logger, error=error)
    if g.get("visitor") is None:
        return refusal()
    return problem(
        "This page has failed",
        "This is a bug. The log of the console has the traceback.",
        HTTPStatus.INTERNAL_SERVER_ERROR,
    )


_FORM_BYTES_MAX: Final = 16_384
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self';"
        " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
}


class _Int64Converter(BaseConverter):
    """An id in a path: a signed decimal, as this console writes it."""

    regex = r"-?[0-9]{1,19}"

    def to_python(self, value: str) -> int:
        n = int(value)
        if str(n) != value or not MIN_INT64 <= n <= MAX_INT64:
            raise ValidationError
        return n

    def to_url(self, value: int) -> str:
        return str(value)


def make_console(settings: Settings | None = None) -> Flask:
    """The WSGI application. Ends the process with a line where a setting is wrong or missing."""
    try:
        settings = settings or load_settings(os.environ)
        check_settings(settings)
    except SettingsError as error:
        sys.exit(f"swpt_accounts: {error}")
    configure_logging(settings)
    app = Flask(__name__)
    app.config.update(
        MAX_CONTENT_LENGTH=_FORM_BYTES_MAX, MAX_FORM_MEMORY_SIZE=_FORM_BYTES_MAX, MAX_FORM_PARTS=20
    )
    app.url_map.converters["int64"] = _Int64Converter
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    console = _make(settings)
    console.keep_in(app)
    console.auth.register(app)
    app.after_request(_finish)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    app.register_blueprint(letters, name=MONEY_LETTERS, url_prefix="/dead-letters/money")
    template_filters.register(app)
    app.register_error_handler(HTTPException, _http_error)
    for kind in _UNAVAILABLE:
        app.register_error_handler(kind, _unavailable)
    app.register_error_handler(Exception, _bug)
    return app


def _make(settings: Settings) -> Console:
    database = ConsoleDatabase(settings)
    return Console(
        settings,
        Authenticator(settings),
        database,
        Sampler(database),
        StatusPoller(settings),
        DeadLetterQueue(settings),
        DeadLetterQueue(settings, is_money=True),
    )


def check_settings(settings: Settings) -> None:
    """Raise `SettingsError` where there is no database, or nobody could sign in."""
    _ = settings.database_url
    if settings.console_token is None and settings.console_user_header is None:
        raise SettingsError(
            "set CONSOLE_TOKEN or CONSOLE_USER_HEADER: without one of them, nobody can sign in"
        )


def _finish(response: Response) -> Response:
    response.headers.update(_HEADERS)
    return response
