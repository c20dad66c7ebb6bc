"""Runs a command, and kills it: `python -m tests.support.dying NUMBER COMMAND…`.

It dies at once after so many steps: statements, the ends of transactions, and frames to the broker
that change something.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import psycopg
from pika.adapters.blocking_connection import BlockingChannel

from swpt_accounts.cli import swpt_accounts
from swpt_accounts.db.operator_session import OperatorSession

_FRAMES = (
    *("exchange_declare", "exchange_bind", "exchange_unbind", "exchange_delete"),
    *("queue_declare", "queue_bind", "queue_unbind", "queue_delete"),
)


def _die_after(number: int) -> None:
    """Let this process end after so many steps."""
    left = number

    def step(function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            result = function(*args, **kwargs)
            left -= 1
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return counted

    for name in ("run", "run_all"):
        setattr(OperatorSession, name, step(getattr(OperatorSession, name)))
    for name in _FRAMES:
        setattr(BlockingChannel, name, step(getattr(BlockingChannel, name)))
    psycopg.Transaction.__exit__ = step(psycopg.Transaction.__exit__)  # type: ignore[method-assign]


if __name__ == "__main__":
    _die_after(int(sys.argv[1]))
    swpt_accounts(sys.argv[2:], prog_name="swpt_accounts")
