"""An accounting authority node of Swaptacular."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from swpt_accounts.settings import Settings


def create_app(settings: "Settings | None" = None) -> "Flask":
    """Create the Flask application: its database, its web server, and its commands.

    Without `settings` they are read from the environment; one that is wrong ends the process
    with a line that names it.
    """
    # The workers, which need no web framework, are in this package, too.
    from swpt_accounts.web.application import make_application

    return make_application(settings)
