"""What the pages of an application share, and where they find it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from flask import Flask, current_app

from swpt_accounts.settings import Settings

if TYPE_CHECKING:
    from swpt_accounts.console.auth import Authenticator
    from swpt_accounts.console.database import ConsoleDatabase
    from swpt_accounts.console.dead_letter_queue import DeadLetterQueue
    from swpt_accounts.console.sampler import Sampler
    from swpt_accounts.console.status_poller import StatusPoller

_KEY: Final = "swpt_accounts_console"


@dataclass(frozen=True)
class Console:
    settings: Settings
    auth: "Authenticator"
    database: "ConsoleDatabase"
    sampler: "Sampler"
    status_poller: "StatusPoller"
    dead_letters: "DeadLetterQueue"
    money_letters: "DeadLetterQueue"

    def keep_in(self, app: Flask) -> None:
        app.extensions[_KEY] = self


def here() -> Console:
    """That of the application which answers this request."""
    return console_of(current_app)


def console_of(app: Flask) -> Console:
    found: Console = app.extensions[_KEY]
    return found
