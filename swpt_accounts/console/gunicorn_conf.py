"""How gunicorn runs the console: `gunicorn --config python:swpt_accounts.console.gunicorn_conf`."""

import os
import sys
from typing import Any

import gunicorn.http.wsgi
from gunicorn.http.errors import InvalidHeader

from swpt_accounts.observability.log import configure_logging, gunicorn_logger
from swpt_accounts.settings import SettingsError, load_settings
from swpt_accounts.workers.web_worker import WebWorker

try:
    _settings = load_settings(os.environ)
except SettingsError as error:
    sys.exit(f"swpt_accounts: {error}")
configure_logging(_settings)
# The header `Server`, which would name gunicorn.
gunicorn.http.wsgi.SERVER = "console"

bind = _settings.console_place
# One process: the last hour is in its memory. Its threads bound what is asked at once.
workers = 1
threads = 8
worker_class = WebWorker
logger_class = gunicorn_logger.Logger
worker_connections = 200
keepalive = 15
graceful_timeout = 4
limit_request_line = 2048
limit_request_fields = 60
control_socket_disable = True
# No header says where the program is mounted, or by which scheme it was asked.
forwarded_allow_ips = ""
forwarder_headers = ""
# Who has sent the request, and where from.
_COME_ONCE = {"AUTHORIZATION", "HOST", "ORIGIN", (_settings.console_user_header or "").upper()}
loglevel = gunicorn_logger.level_name(_settings)
logconfig_dict = gunicorn_logger.LOGGERS


def pre_request(_worker: Any, request: Any) -> None:
    """Refuse two where there may be one: one may be the client's, and gunicorn joins them."""
    names = [name for name, _ in request.headers if name in _COME_ONCE]
    if len(names) > len(set(names)):
        raise InvalidHeader("it came twice", request)


def post_worker_init(worker: Any) -> None:
    """Take samples from now on, not from the first visit."""
    from swpt_accounts.console.context import console_of

    console_of(worker.wsgi).sampler.start()
