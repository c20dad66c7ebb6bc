"""gunicorn's own lines go where all the others go."""

from typing import Any, Final

from gunicorn import glogging

from swpt_accounts.settings import Settings

_LEVELS: Final = {"fatal": "critical", "warn": "warning", "notset": "debug"}

LOGGERS: Final[dict[str, Any]] = {
    "root": {},
    "handlers": {},
    "loggers": {"gunicorn.error": {"handlers": [], "propagate": True}},
}
"""gunicorn's setting `logconfig_dict`."""


class Logger(glogging.Logger):  # type: ignore[misc]
    """gunicorn's setting `logger_class`: with `logconfig_dict`, it would make a line about each
    request, an eighth of all the work, for nobody.
    """

    def access(self, *request: Any) -> None:
        if self.cfg.accesslog:
            super().access(*request)


def level_name(settings: Settings) -> str:
    """gunicorn's setting `loglevel`: it has fewer names."""
    return _LEVELS.get(settings.app_log_level, settings.app_log_level)
