"""How gunicorn runs the fetch API. The settings of the program tell; gunicorn's are made of them.

WEBSERVER_ADDRESS, for development only, is the address to listen on; all of them by default.
"""

import os
import sys

from swpt_accounts.logs import configure_logging
from swpt_accounts.settings import SettingsError, load_settings

try:
    _settings = load_settings(os.environ)
except SettingsError as error:
    sys.exit(f"swpt_accounts: {error}")
configure_logging(_settings)
if _settings.webserver_processes == 0:
    sys.exit(0)

bind = f"{os.environ.get('WEBSERVER_ADDRESS', '')}:{_settings.webserver_port}"
workers = _settings.webserver_processes
threads = _settings.webserver_threads
# The supervisor, and `docker stop`, wait longer than this.
graceful_timeout = 4
control_socket_disable = True
# gunicorn's own lines go where all the others go.
loglevel = _settings.app_log_level
logconfig_dict = {
    "root": {},
    "handlers": {},
    "loggers": {"gunicorn.error": {"handlers": [], "propagate": True}},
}
