"""Runs a command, one of whose steps fails:
`python -m verification.splits.failing FILE FAULT STEP NUMBER COMMAND…`.

The fault happens at the step of this name, when it comes for that time: `kill` (after it), `cut`
(its connection is lost before it), `slot` (the replication slots are dropped before it), or `none`.
The names of the steps that were taken are in the file.
"""

import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import psycopg
from pika.adapters.blocking_connection import BlockingChannel

from agentkit.database import dsn_of
from swpt_accounts.cli import swpt_accounts
from swpt_accounts.db.operator_session import OperatorSession

FAULTS = ("kill", "cut", "slot")
_FRAMES = (
    *("exchange_declare", "exchange_bind", "exchange_unbind", "exchange_delete"),
    *("queue_declare", "queue_bind", "queue_unbind", "queue_delete"),
)
DROP_SLOTS = """
    SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots
    WHERE database = current_database() AND slot_name LIKE 'swpt_split%' AND active
"""
_DROP = """
    SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
    WHERE database = current_database() AND slot_name LIKE 'swpt_split%' AND NOT active
"""


def drop_slots() -> None:
    """As a standby without slots takes over, or somebody needs the disk."""
    url = dsn_of(os.environ["SQLALCHEMY_DATABASE_URI"])
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(50):
            connection.execute(DROP_SLOTS)
            try:
                connection.execute(_DROP)
            except psycopg.errors.ObjectInUse:
                continue


def _cut(descriptor: int) -> None:
    with socket.socket(fileno=os.dup(descriptor)) as theirs:
        theirs.shutdown(socket.SHUT_RDWR)


def _descriptor(target: Any) -> int:
    if isinstance(target, OperatorSession):
        return target.connection.fileno()
    if isinstance(target, psycopg.Transaction):
        return target.connection.fileno()
    return int(target.connection._impl._transport._sock.fileno())


class _Steps:
    """Counts them, and lets one fail."""

    def __init__(self, path: str, fault: str, step: str, number: int) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._fault, self._step, self._number = fault, step, number
        self._counts: Counter[str] = Counter()

    def wrap(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        """The same function, as a step."""

        def step(target: Any, *args: Any, **kwargs: Any) -> Any:
            own = name
            if name in ("run", "run_all"):
                own = f"{args[0]}:{args[1]}"
            self._counts[own] += 1
            is_it = own == self._step and self._counts[own] == self._number
            os.write(self._file, f"{own}\n".encode())
            if is_it and self._fault == "cut":
                _cut(_descriptor(target))
            elif is_it and self._fault == "slot":
                drop_slots()
            result = function(target, *args, **kwargs)
            if is_it and self._fault == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return step


def _watch(steps: _Steps) -> None:
    for name in ("run", "run_all"):
        setattr(OperatorSession, name, steps.wrap(getattr(OperatorSession, name), name))
    for name in _FRAMES:
        setattr(BlockingChannel, name, steps.wrap(getattr(BlockingChannel, name), name))
    end = steps.wrap(psycopg.Transaction.__exit__, "transaction")
    psycopg.Transaction.__exit__ = end  # type: ignore[method-assign]


if __name__ == "__main__":
    path, fault, step, number, *command = sys.argv[1:]
    _watch(_Steps(path, fault, step, int(number)))
    swpt_accounts(command, prog_name="swpt_accounts")
