"""From environment variables to settings, or to one line that says what is wrong."""

import math
import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from ipaddress import ip_network
from typing import Any

import msgspec
from msgspec import inspect as kinds

from swpt_accounts.core.timestamps import to_utc
from swpt_accounts.settings.description import SETTINGS, Setting
from swpt_accounts.settings.schema import Settings, SettingsError
from swpt_accounts.settings.urls import check_url, without_password

_SWITCH_WORDS = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}
_SHOWN_LENGTH_MAX = 100
# Two letters of twenty.
_LIKENESS_MIN = 0.9

_RETIRED = {
    "SQLALCHEMY_ENGINE_OPTIONS": "a worker has one connection for each thread; remove it",
    "SQLALCHEMY_ECHO": "remove it",
    "APP_USE_PGPLSQL_FUNCTIONS": "the stored procedures are always used; remove it",
    "APP_ASSOCIATED_LOGGERS": "remove it",
    "GUNICORN_WORKERS": "set WEBSERVER_PROCESSES",
    "GUNICORN_THREADS": "set WEBSERVER_THREADS",
    "GUNICORN_BIND": "set WEBSERVER_PORT",
}
"""Variables of earlier programs, and what to do instead. A setting that goes is added here."""

_OF_THE_PROGRAM = re.compile(
    "(APP|PROTOCOL_BROKER|CHORES_BROKER|FETCH_API|FLUSH|PROCESS|CONSOLE|METRICS|WEBSERVER)_"
)
# The web server's configuration reads it (docker/gunicorn.conf.py).
_OF_DEVELOPMENT = {"WEBSERVER_ADDRESS"}
_OF_KUBERNETES = re.compile("_SERVICE_(HOST|PORT)|_PORT(_[0-9]|$)")


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Read the settings from environment variables. One that is empty counts as not set.

    Raises `SettingsError` if a value can not be parsed, makes no sense, or is empty where that
    would be dangerous.
    """
    texts = {field: environ.get(s.variable, "").strip() for field, s in SETTINGS.items()}
    values = {
        field: _read(setting, texts[field])
        for field, setting in SETTINGS.items()
        if texts[field] or (setting.variable in environ and "never_empty" in setting.extra)
    }
    settings = Settings(**values)
    for field in _broken_common_rules(settings):
        setting = SETTINGS[field]
        raise _wrong(setting, texts[field] or setting.default_text)
    return settings


def read_setting(field: str, text: str) -> Any:
    """Read the value of one setting, given the name of its field.

    Raises `SettingsError` if it can not be parsed, or makes no sense.
    """
    return _read(SETTINGS[field], text)


def misspelt_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that are almost settings, each with the one that it may have been meant for.

    Kubernetes also sets variables, to addresses, which are named after services.
    """
    known = {setting.variable for setting in SETTINGS.values()}
    unknown = (
        name
        for name, value in environ.items()
        if name.removesuffix("_FILE") not in known and not value.startswith("tcp://")
    )
    close = ((name, get_close_matches(name.upper(), known, 1, _LIKENESS_MIN)) for name in unknown)
    return {name: found[0] for name, found in close if found}


def unused_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that seem to be meant for this program, and are none of its settings, each
    with what to do.
    """
    known = {setting.variable for setting in SETTINGS.values()} | _OF_DEVELOPMENT
    found = {name: _RETIRED[name] for name in _RETIRED if name in environ}
    for name in environ:
        is_meant = _OF_THE_PROGRAM.match(name) and not _OF_KUBERNETES.search(name)
        if is_meant and name.removesuffix("_FILE") not in known and name not in found:
            found[name] = "this version has no such setting"
    return found


def _broken_common_rules(settings: Settings) -> Iterator[str]:
    """Yield the names of settings that do not agree with others, or with the time."""
    commit_period_days_min = max(
        settings.app_message_max_delay_days, settings.app_intranet_extreme_delay_days
    )
    if settings.app_prepared_transfer_max_delay_days < commit_period_days_min:
        yield "app_prepared_transfer_max_delay_days"
    if settings.console_token and settings.console_token == settings.console_actions_token:
        yield "console_actions_token"
    now = datetime.fromtimestamp(time.time(), UTC)
    threshold_max = now - timedelta(days=settings.app_intranet_extreme_delay_days)
    if settings.remove_from_archive_threshold_date > threshold_max:
        yield "remove_from_archive_threshold_date"


def _read(setting: Setting, text: str) -> Any:
    try:
        value = msgspec.convert(_parse(setting, text), setting.annotation)
    except ValueError:
        raise _wrong(setting, text) from None
    extra = setting.extra
    if value == 0 and ("chosen" in extra or "counts_as" in extra):
        return setting.default if "chosen" in extra else extra["counts_as"]
    value = max(value, extra["counts_from"]) if "counts_from" in extra else value
    return min(value, extra["counts_up_to"]) if "counts_up_to" in extra else value


def _parse(setting: Setting, text: str) -> Any:
    """Turn the text into what the type of the setting wants. Raises `ValueError`."""
    match setting.kind:
        case kinds.IntType():
            return int(text)
        case kinds.FloatType():
            number = float(text)
            return number if math.isfinite(number) else text
        case kinds.BoolType():
            return _SWITCH_WORDS.get(text.lower(), False if "lenient" in setting.extra else text)
        case kinds.LiteralType():
            return text.lower()
        case kinds.DateTimeType():
            moment = datetime.fromisoformat(text)
            return to_utc(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        case kinds.StrType() if setting.schemes:
            check_url(text, setting.schemes)
        case kinds.StrType() if "networks" in setting.extra:
            _ = [ip_network(word) for word in text.split()]
    return text


def _wrong(setting: Setting, text: str) -> SettingsError:
    # An address may have been meant for another variable.
    if setting.is_secret:
        text = "***"
    shown = without_password(text) if setting.schemes or "@" in text or "://" in text else text
    return SettingsError(
        f"{setting.variable} is {shown[:_SHOWN_LENGTH_MAX]!r}, but must be {setting.rule}"
    )
