"""How gunicorn runs the fetch API. The settings of the program tell; gunicorn's are made of them.

WEBSERVER_ADDRESS, for development only, is the address to listen on; all of them by default.
"""

import gc
import os
import sys
from typing import Any

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
# With a single thread gunicorn would take another class, which keeps no connection.
worker_class = "gthread"
# In seconds. Longer than clients and proxies keep their connections: so it is they who close
# them, and no request meets a connection that is being closed.
keepalive = 75
# The program is loaded once, before the workers are forked, and its memory is shared.
preload_app = True
# The supervisor, and `docker stop`, wait longer than this.
graceful_timeout = 4
control_socket_disable = True
# No header says where the program is mounted, or by which scheme it was asked; from the loopback
# address gunicorn would believe it, and answer 500 where the path does not begin so.
forwarded_allow_ips = ""
forwarder_headers = ""
# gunicorn's own lines go where all the others go.
loglevel = _settings.app_log_level
logconfig_dict = {
    "root": {},
    "handlers": {},
    "loggers": {"gunicorn.error": {"handlers": [], "propagate": True}},
}


def when_ready(_server: Any) -> None:
    """Leave what has been loaded out of garbage collections: they would unshare its memory."""
    gc.collect()
    gc.freeze()
