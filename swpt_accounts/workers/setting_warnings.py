"""Warns of settings that cost most of the throughput, and of variables that are almost settings."""

import logging
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Final

from swpt_accounts.observability.events.lifecycle import SETTING_SLOW, SETTING_UNKNOWN
from swpt_accounts.settings import misspelt_settings
from swpt_accounts.settings.description import SETTINGS
from swpt_accounts.settings.schema import Settings

logger = logging.getLogger(__name__)

MANUAL: Final = "docs/how-to/configure.md#what-costs-most-of-the-speed"


@dataclass(frozen=True, slots=True)
class SlowValue:
    """With this value of a setting, or less, that part of the speed is left."""

    field: str
    value: int
    speed_left: str


# Measured by `./dev bench --only slow`; the numbers are in the manual.
_PREFETCH = "protocol_broker_prefetch_count"
_SIGNALS = ("prepared_transfers", "finalized_transfers", "account_transfers")
SLOW_VALUES: Final = (
    SlowValue(_PREFETCH, 1, "a fifteenth"),
    SlowValue(_PREFETCH, 10, "a third"),
    *(SlowValue(f"app_flush_{name}_burst_count", 10, "a third") for name in _SIGNALS),
)


def slow_settings(settings: Settings, prefixes: tuple[str, ...]) -> dict[str, str]:
    """The variables of slow settings whose names have these prefixes, with a line for each."""
    found: dict[str, str] = {}
    for slow in SLOW_VALUES:
        value = getattr(settings, slow.field)
        if slow.field.startswith(prefixes) and value <= slow.value:
            found.setdefault(
                SETTINGS[slow.field].variable,
                f"{SETTINGS[slow.field].variable} is {value}, with which about"
                f" {slow.speed_left} of the throughput is left"
                f" (the default is {SETTINGS[slow.field].default}): see {MANUAL}",
            )
    return found


def warn_of_slow_settings(settings: Settings, *prefixes: str) -> None:
    for variable, line in slow_settings(settings, prefixes).items():
        SETTING_SLOW.log(logger, text=line, variable=variable)


def warn_of_misspelt_settings(environ: MutableMapping[str, str]) -> None:
    """Log a line for each variable that is almost a setting, and remove it: it has been told."""
    for variable, meant in misspelt_settings(environ).items():
        SETTING_UNKNOWN.log(logger, variable=variable, meant=meant)
        del environ[variable]
