"""The database of the Flask application, for the migrations."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from flask import Flask
from flask_migrate import Migrate
from psycopg.errors import LockNotAvailable
from sqlalchemy.exc import DBAPIError

from swpt_accounts.db.session_options import MIGRATING, session_options
from swpt_accounts.db.tables import db
from swpt_accounts.observability.events.lifecycle import LOCK_AWAITED
from swpt_accounts.settings import Settings

logger = logging.getLogger(__name__)

MIGRATIONS_DIR = Path(__file__).parents[2] / "migrations"
_LOCK_SECONDS_MAX: Final = 60.0
_LOCK_PAUSE_SECONDS: Final = 1.0


def init_database(app: Flask, settings: Settings) -> None:
    """Give the application its database, and the `flask db` commands.

    Raises `SettingsError` if no database is set.
    """
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {
        "connect_args": {
            "connect_timeout": 5,
            "application_name": "swpt_accounts migrations",
            "client_encoding": "UTF8",
            "options": session_options(MIGRATING),
        },
    }
    db.init_app(app)
    Migrate(app, db, directory=str(MIGRATIONS_DIR))


def retry_locked(migrate: Callable[[], None]) -> None:
    """Run migrations; where they meet a lock, which undoes them, again and again, for a minute.

    Each time they wait so briefly (`MIGRATING`) that those behind them hardly notice. Raises
    `DBAPIError`.
    """
    end = time.monotonic() + _LOCK_SECONDS_MAX
    while True:
        try:
            return migrate()
        except DBAPIError as error:
            if not isinstance(error.orig, LockNotAvailable) or time.monotonic() >= end:
                raise
        LOCK_AWAITED.log(logger)
        time.sleep(_LOCK_PAUSE_SECONDS)
