"""Where the log goes, what is in it, and how a line is written: as text, or as JSON."""

import logging
import sys
import time
from typing import Any, TextIO

from pythonjsonlogger.json import JsonFormatter

from swpt_accounts.observability.events.event import ABOUT_KEY, FIELDS_KEY, NAME_KEY
from swpt_accounts.observability.events.lifecycle import OTHER
from swpt_accounts.observability.events.progress import PROGRESS_LOGGER
from swpt_accounts.observability.log.rate_limit import RateLimitedHandler
from swpt_accounts.settings import Settings

_JSON_FIELDS = "%(asctime)s %(levelname)s %(processName)s %(name)s %(message)s"
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


class EventFormatter(JsonFormatter):
    """Beside the fields of Python's logging, those by which older versions had told the same; the
    event, and its fields.
    """

    def __init__(self) -> None:
        super().__init__(_JSON_FIELDS, datefmt="%Y-%m-%dT%H:%M:%S%z")

    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        super().add_fields(log_data, record, message_dict)
        for key in (FIELDS_KEY, ABOUT_KEY):
            log_data.pop(key, None)
        log_data["time"] = logging.Formatter.formatTime(self, record)
        log_data["level"] = record.levelname
        log_data[NAME_KEY] = getattr(record, NAME_KEY, OTHER.name)
        about = getattr(record, ABOUT_KEY, None)
        fields = {**(about() if about else {}), **getattr(record, FIELDS_KEY, {})}
        log_data.update((name, _short(value)) for name, value in fields.items())


def _short(value: object) -> object:
    return round(value, 3) if isinstance(value, float) else value


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
