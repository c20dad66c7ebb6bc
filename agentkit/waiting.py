"""Waiting for something, with a limit."""

import time
from collections.abc import Callable
from typing import TypeVar

from agentkit.database import kept_connections

T = TypeVar("T")

POLL_SECONDS = 0.05
_PAUSE_SECONDS_MAX = 1.0
# Enough for a process to start on a machine that is busy with something else.
SECONDS_MAX = 45.0


class KitError(Exception):
    """Something is missing, or does not work as it should. The text is for the user."""


class NotInTimeError(KitError):
    """What was waited for has not come."""


def wait_until(
    condition: Callable[[], T],
    seconds_max: float = SECONDS_MAX,
    what: object = "",
    poll_seconds: float = POLL_SECONDS,
) -> T:
    """Wait until the condition returns something true, and return that.

    At least half of the time is left to whom it waits for: a condition may take long, too.
    Raises `NotInTimeError`.
    """
    end = time.monotonic() + seconds_max
    with kept_connections():
        while not (value := _timed(condition))[0]:
            if time.monotonic() >= end:
                raise NotInTimeError(f"not within {seconds_max:g} seconds: {what or condition}")
            time.sleep(max(poll_seconds, min(value[1], _PAUSE_SECONDS_MAX)))
        return value[0]


def _timed(condition: Callable[[], T]) -> tuple[T, float]:
    started_at = time.monotonic()
    return condition(), time.monotonic() - started_at
