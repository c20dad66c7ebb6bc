"""Lines of the log as JSON."""

import logging
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from swpt_accounts.observability.events.event import ABOUT_KEY, FIELDS_KEY, NAME_KEY
from swpt_accounts.observability.events.lifecycle import OTHER

_JSON_FIELDS = "%(asctime)s %(levelname)s %(processName)s %(name)s %(message)s"


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
