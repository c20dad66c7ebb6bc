"""How gunicorn runs the fetch API. The settings of the program tell; gunicorn's are made of them.

WEBSERVER_ADDRESS, for development only, is the address to listen on; all of them by default.
GUNICORN_NAME is gunicorn's setting `name`, as far as it has one, and it is not made of ours.
"""

import gc
import os
import sys
from typing import Any

# (gunicorn has no types)
from gunicorn.config import Config

from swpt_accounts.observability.log import configure_logging, gunicorn_logger
from swpt_accounts.observability.metrics import recorder
from swpt_accounts.settings import SettingsError, load_settings
from swpt_accounts.web.worker import FetchWorker
from swpt_accounts.workers.runner import show_life
from swpt_accounts.workers.setting_warnings import warn_of_misspelt_settings
from swpt_accounts.workers.shutdown import idle
from swpt_accounts.workers.web_worker import CONNECTIONS_COUNT_MAX

_OURS = {
    *("bind", "config", "post_fork", "threads", "when_ready", "workers"),
    *("http2_cleartext", "http_protocols", "protocol"),
}

try:
    _settings = load_settings(os.environ)
except SettingsError as error:
    sys.exit(f"swpt_accounts: {error}")
configure_logging(_settings)
warn_of_misspelt_settings(os.environ)
recorder.configure(_settings.state_dir, "webserver", has_metrics=_settings.metrics_port != 0)
if _settings.webserver_processes == 0:
    show_life()
    idle()
    sys.exit(0)

bind = f"{os.environ.get('WEBSERVER_ADDRESS', '')}:{_settings.webserver_port}"
workers = _settings.webserver_processes
threads = _settings.webserver_threads
worker_class = FetchWorker
logger_class = gunicorn_logger.Logger
worker_connections = CONNECTIONS_COUNT_MAX
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
loglevel = gunicorn_logger.level_name(_settings)
logconfig_dict = gunicorn_logger.LOGGERS


def post_fork(_server: Any, _worker: Any) -> None:
    """Begin to record, in the process that answers."""
    recorder.start()


def when_ready(_server: Any) -> None:
    """Leave what has been loaded out of garbage collections: they would unshare its memory."""
    gc.collect()
    gc.freeze()


def _read_environment() -> dict[str, str]:
    """What GUNICORN_... variables set. Ends the process with a line that says what is wrong."""
    config = Config()
    found = {}
    for variable, text in os.environ.items():
        name = variable.removeprefix("GUNICORN_").lower()
        if variable.startswith("GUNICORN_") and name in config.settings and name not in _OURS:
            try:
                config.set(name, text)
            except Exception as error:
                sys.exit(f"swpt_accounts: {variable} is {text!r}: {error}")
            found[name] = text
    return found


globals().update(_read_environment())
