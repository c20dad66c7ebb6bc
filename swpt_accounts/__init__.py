"""An accounting authority node of Swaptacular."""

import os
import sys

from flask import Flask

from swpt_accounts.cli import swpt_accounts
from swpt_accounts.db.engine import init_database
from swpt_accounts.logs import configure_logging
from swpt_accounts.settings import Settings, SettingsError, load_settings
from swpt_accounts.web import fetch_api


def create_app(settings: Settings | None = None) -> Flask:
    """Create the application: its database, its web server, and its commands.

    Without `settings` they are read from the environment; one that is wrong ends the process
    with a line that names it.
    """
    try:
        settings = settings or load_settings(os.environ)
        app = Flask(__name__)
        app.extensions["swpt_accounts_settings"] = settings
        init_database(app, settings)
    except SettingsError as error:
        sys.exit(f"swpt_accounts: {error}")
    configure_logging(settings)
    app.register_blueprint(fetch_api)
    app.cli.add_command(swpt_accounts)
    return app
