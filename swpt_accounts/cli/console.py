"""The command that runs the console. The console is loaded by gunicorn, and not here."""

import os
import sys

import click

from swpt_accounts.settings import Settings

_CONFIG = "python:swpt_accounts.console.gunicorn_conf"
_APPLICATION = "swpt_accounts.console.application:make_console()"


@click.command("console")
@click.pass_obj
def console(settings: Settings) -> None:
    """Serve the operator console, a web application."""
    if settings.console_token is None and settings.console_user_header is None:
        sys.exit(
            "swpt_accounts: set CONSOLE_TOKEN or CONSOLE_USER_HEADER: without one of them, nobody"
            " can sign in to the console"
        )
    sys.stdout.flush()
    arguments = ["-m", "gunicorn", "--config", _CONFIG, _APPLICATION]
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606
