"""The database of the Flask application, for the migrations."""

from pathlib import Path

from flask import Flask
from flask_migrate import Migrate

from swpt_accounts.db.session_options import MIGRATING, session_options
from swpt_accounts.db.tables import db
from swpt_accounts.settings import Settings

MIGRATIONS_DIR = Path(__file__).parents[2] / "migrations"


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
