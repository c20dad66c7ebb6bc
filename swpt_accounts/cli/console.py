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
    """Show in a browser what the authority does."""
    if settings.console_token is None and settings.console_user_header is None:
        sys.exit(
            "swpt_accounts: set CONSOLE_TOKEN, or CONSOLE_USER_HEADER: without one, nobody can"
            " sign in"
        )
    sys.stdout.flush()
    arguments = ["-m", "gunicorn", "--config", _CONFIG, _APPLICATION]
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606
