"""Where the log goes, what is in it, and how a line is written: as text, or as JSON."""

import logging
import sys
import time
from typing import TextIO

from swpt_accounts.observability.events.event import NAME_KEY
from swpt_accounts.observability.events.progress import PROGRESS_LOGGER
from swpt_accounts.observability.log.rate_limit import RateLimitedHandler
from swpt_accounts.settings import Settings

_TEXT_FIELDS = "%(asctime)s %(levelname)s %(name)s%(event_mark)s: %(message)s"


class TextFormatter(logging.Formatter):
    """The name of the event is in brackets, where there is one."""

    def __init__(self) -> None:
        super().__init__(_TEXT_FIELDS)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        local = self.converter(record.created)
        zone = time.strftime("%z", local)
        return f"{time.strftime('%Y-%m-%d %H:%M:%S', local)},{int(record.msecs):03d}{zone}"

    def formatMessage(self, record: logging.LogRecord) -> str:
        event = getattr(record, NAME_KEY, None)
        record.event_mark = f" [{event}]" if event else ""
        return super().formatMessage(record)


def _formatter(settings: Settings) -> logging.Formatter:
    if settings.app_log_format != "json":
        return TextFormatter()
    # Text needs no library.
    from swpt_accounts.observability.log.json_lines import EventFormatter

    return EventFormatter()


def configure_logging(settings: Settings, stream: TextIO | None = None) -> None:
    """Send the log of this process to a stream: to the standard output, if none is given."""
    handler = RateLimitedHandler(stream or sys.stdout)
    handler.setFormatter(_formatter(settings))
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
