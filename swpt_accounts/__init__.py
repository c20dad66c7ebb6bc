"""An accounting authority node of Swaptacular."""

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from flask import Flask

    from swpt_accounts.settings import Settings


def create_app(settings: "Settings | None" = None) -> "Flask":
    """Create the Flask application: its database, its web server, and its commands.

    Without `settings` they are read from the environment; one that is wrong ends the process
    with a line that names it.
    """
    is_of_flask = os.environ.get("FLASK_RUN_FROM_CLI") == "true"
    if settings is None and is_of_flask and sys.argv[1:2] == ["swpt_accounts"]:
        # `flask swpt_accounts …`, which looks for its command
        become_program(sys.argv[2:])
    # The workers, which need no web framework, are in this package, too.
    from swpt_accounts.web.application import make_application

    return make_application(settings)


def become_program(arguments: Iterable[str]) -> NoReturn:
    """Replace this process by `python -m swpt_accounts`: a worker needs no Flask."""
    packages = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    paths = [packages, *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "swpt_accounts", *arguments])  # noqa: S606 - no shell is wanted
