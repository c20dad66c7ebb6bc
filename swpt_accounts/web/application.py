"""The Flask application: the web server, and the commands `flask db` and `flask swpt_accounts`."""

import os
import sys
from pathlib import Path
from typing import Any, NoReturn

import click
from flask import Flask

from swpt_accounts.observability.log import configure_logging
from swpt_accounts.settings import Settings, SettingsError, load_settings
from swpt_accounts.web.fetch_api import FetchApi

_PACKAGES_DIR = Path(__file__).parents[2]


def make_application(settings: Settings | None = None, *, has_migrations: bool = True) -> Flask:
    """Create the application, as `create_app` does.

    Without migrations it needs neither SQLAlchemy nor Alembic: the web server does well so.
    """
    settings = settings or _load_settings()
    app = Flask("swpt_accounts")
    app.extensions["swpt_accounts_settings"] = settings
    configure_logging(settings)
    app.wsgi_app = FetchApi(app, settings)  # type: ignore[method-assign]
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
    paths = [str(_PACKAGES_DIR), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "swpt_accounts", *arguments])  # noqa: S606 - no shell is wanted
