"""The Flask application: the web server, and the commands `flask db` and `flask swpt_accounts`."""

import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click

from swpt_accounts import become_program
from swpt_accounts.observability.log import configure_logging
from swpt_accounts.settings import Settings, SettingsError, load_settings
from swpt_accounts.web.fetch_api import FetchApi

if TYPE_CHECKING:
    from flask import Flask


def make_web_server() -> FetchApi:
    """What gunicorn runs. It needs neither SQLAlchemy nor Alembic, and Flask only when somebody
    asks for what is not there.
    """
    settings = _load_settings()
    configure_logging(settings)
    return FetchApi(lambda: make_application(settings, has_migrations=False), settings)


def make_application(settings: Settings | None = None, *, has_migrations: bool = True) -> "Flask":
    """Create the application, as `create_app` does."""
    from flask import Flask

    settings = settings or _load_settings()
    app = Flask("swpt_accounts")
    app.extensions["swpt_accounts_settings"] = settings
    configure_logging(settings)
    app.wsgi_app = FetchApi(lambda: app, settings)  # type: ignore[method-assign]
    app.cli.add_command(run_without_flask)
    if has_migrations:
        from swpt_accounts.db.engine import init_database

        init_database(app, settings)
    return app


def _load_settings() -> Settings:
    try:
        settings = load_settings(os.environ)
        _ = settings.database_url
    except SettingsError as error:
        if "--help" in sys.argv:  # of any command of flask: it needs no settings
            return load_settings({"POSTGRES_URL": "postgresql+psycopg:///"})
        sys.exit(f"swpt_accounts: {error}")
    return settings


@click.command(
    "swpt_accounts",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True},
    short_help="Run the parts of the accounting authority.",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run_without_flask(arguments: tuple[Any, ...]) -> NoReturn:
    """Replace this process by `python -m swpt_accounts`: a worker needs no Flask."""
    become_program(arguments)
