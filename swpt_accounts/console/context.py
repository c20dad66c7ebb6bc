"""What the pages of an application share, and where they find it."""

from dataclasses import dataclass

from flask import Flask, current_app

from swpt_accounts.console.access import Guard
from swpt_accounts.console.database import Reader
from swpt_accounts.console.dead_letter_queue import DeadLetters
from swpt_accounts.console.sampler import Sampler
from swpt_accounts.console.status_poller import Judge
from swpt_accounts.settings import Settings

_KEY = "swpt_accounts_console"


@dataclass(frozen=True)
class Console:
    """One for each application."""

    settings: Settings
    guard: Guard
    reader: Reader
    sampler: Sampler
    judge: Judge
    dead_letters: DeadLetters


def keep(app: Flask, console: Console) -> None:
    app.extensions[_KEY] = console


def here() -> Console:
    """That of the application which answers this request."""
    return console_of(current_app)


def console_of(app: Flask) -> Console:
    """That of an application."""
    found: Console = app.extensions[_KEY]
    return found
