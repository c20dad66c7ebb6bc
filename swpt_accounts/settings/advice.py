"""Values that are honoured, but are known to cost most of the speed."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from swpt_accounts.settings.description import SETTINGS
from swpt_accounts.settings.schema import Settings

logger = logging.getLogger(__name__)

MANUAL: Final = "docs/how-to/configure.md#what-costs-most-of-the-speed"


@dataclass(frozen=True, slots=True)
class SlowValue:
    """A value of a setting: which ones are like it, and what part of the speed is left."""

    field: str
    value: int
    speed_left: str
    is_like: Callable[[int, int], bool]


def _or_less(found: int, value: int) -> bool:
    return found <= value


def _or_more(found: int, value: int) -> bool:
    return found >= value


# Measured by `./dev bench --only slow`; the numbers are in the manual.
_PREFETCH = "protocol_broker_prefetch_count"
_STAGES = ("transfer_requests", "finalization_requests", "balance_changes")
_SIGNALS = ("prepared_transfers", "finalized_transfers", "account_transfers")
SLOW_VALUES: Final = (
    SlowValue(_PREFETCH, 1, "a fifteenth", _or_less),
    SlowValue(_PREFETCH, 10, "a third", _or_less),
    *(SlowValue(f"process_{name}_threads", 10, "a third", _or_more) for name in _STAGES),
    *(SlowValue(f"app_process_{name}_max_count", 10, "a quarter", _or_less) for name in _STAGES),
    *(SlowValue(f"app_flush_{name}_burst_count", 10, "a fifth", _or_less) for name in _SIGNALS),
)


def slow_settings(settings: Settings, prefixes: tuple[str, ...]) -> list[str]:
    """A line for each setting whose value is slow, of those whose names begin so."""
    found: dict[str, str] = {}
    for slow in SLOW_VALUES:
        value = getattr(settings, slow.field)
        if slow.field.startswith(prefixes) and slow.is_like(value, slow.value):
            found.setdefault(
                slow.field,
                f"{SETTINGS[slow.field].variable} is {value}, with which about"
                f" {slow.speed_left} of the throughput is left"
                f" (the default is {SETTINGS[slow.field].default}): see {MANUAL}",
            )
    return list(found.values())


def warn_of_slow_settings(settings: Settings, *prefixes: str) -> None:
    """Log a line for each of them."""
    for line in slow_settings(settings, prefixes):
        logger.warning("%s", line)
