"""Logging: one line per event on the standard error, as text or as JSON."""

import logging
import sys

from pythonjsonlogger.json import JsonFormatter

from swpt_accounts.settings import Settings

_FIELDS = "%(asctime)s %(levelname)s %(processName)s %(name)s %(message)s"


def configure_logging(settings: Settings) -> None:
    """Send the log of this process to the standard error."""
    handler = logging.StreamHandler(sys.stderr)
    if settings.app_log_format == "json":
        handler.setFormatter(
            JsonFormatter(_FIELDS, rename_fields={"asctime": "time", "levelname": "level"})
        )
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.app_log_level.upper())
    # It reports each step of each connection; what matters is logged by the callers.
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    # It tells of errors that it ignores because others are raised.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.WARNING)
