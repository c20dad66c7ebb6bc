"""The WSGI application: `gunicorn wsgi:app`."""

import sys

from swpt_accounts import create_app
from swpt_accounts.web.application import make_web_server

# flask finds this, where FLASK_APP does not name the package.
__all__ = ["app", "create_app"]

# Tells gunicorn that starting its worker again would not help.
APP_LOAD_ERROR = 4

try:
    app = make_web_server()
except SystemExit as error:
    print(error, file=sys.stderr)  # noqa: T201 - a wrong setting: there is no log yet
    sys.exit(APP_LOAD_ERROR)
