"""Trying again while a server is away: for the agents, and for who undoes a fault."""

import time
from collections.abc import Callable
from typing import Any

import psycopg
from pika.exceptions import AMQPError

from agentkit.waiting import KitError
from verification.chaos.servers import ServersError

_SECONDS_MAX = 60.0
_RETRY_SECONDS = 0.2


def persist(action: Callable[[], Any], seconds_max: float = _SECONDS_MAX) -> int:
    """Try until the servers let it happen. Returns how many tries have failed.

    Raises `KitError` when the time is over.
    """
    failures_count = 0
    end = time.monotonic() + seconds_max
    while True:
        try:
            action()
        except (AMQPError, psycopg.Error, ServersError, OSError) as error:
            if time.monotonic() >= end:
                raise KitError(f"not within {seconds_max:g} seconds: {error!r}") from error
            failures_count += 1
            time.sleep(_RETRY_SECONDS)
        else:
            return failures_count
