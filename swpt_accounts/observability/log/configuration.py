"""Where the log goes, and what is in it."""

import logging
import sys
from typing import TextIO

from swpt_accounts.observability.events.progress import PROGRESS_LOGGER
from swpt_accounts.observability.log.formats import EventFormatter, TextFormatter
from swpt_accounts.observability.log.rate_limit import RateLimitedHandler
from swpt_accounts.settings import Settings


def configure_logging(settings: Settings, stream: TextIO | None = None) -> None:
    """Send the log of this process to a stream: to the standard output, if none is given."""
    handler = RateLimitedHandler(stream or sys.stdout)
    is_json = settings.app_log_format == "json"
    handler.setFormatter(EventFormatter() if is_json else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.app_log_level.upper())
    # It reports each step of each connection; what matters is logged by the callers.
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    # It tells of errors that it ignores because others are raised.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    is_told = root.level <= logging.WARNING
    logging.getLogger(PROGRESS_LOGGER).setLevel(logging.INFO if is_told else root.level)
