"""The application, and what every answer has."""

import os
import sys
from typing import Final

from flask import Flask, Response
from werkzeug.routing import BaseConverter, ValidationError

from swpt_accounts.console import error_handlers, template_filters
from swpt_accounts.console.auth import Authenticator
from swpt_accounts.console.context import Console
from swpt_accounts.console.database import ConsoleDatabase
from swpt_accounts.console.dead_letter_queue import DeadLetterQueue
from swpt_accounts.console.pages import BLUEPRINTS
from swpt_accounts.console.pages.dead_letters import MONEY_LETTERS, letters
from swpt_accounts.console.sampler import Sampler
from swpt_accounts.console.status_poller import StatusPoller
from swpt_accounts.core.ids import MAX_INT64, MIN_INT64
from swpt_accounts.observability.log import configure_logging
from swpt_accounts.settings import Settings, SettingsError, load_settings

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
    error_handlers.register(app)
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
