"""Keeps everybody from writing into the tables of a shard."""

import random
from collections.abc import Callable
from time import monotonic, sleep
from typing import Final

import psycopg
from psycopg import sql

from swpt_accounts.db.operator_session import OperatorSession, PreconditionFailed
from swpt_accounts.sharding.tables import TABLES

_SECONDS_MAX: Final = 120.0
# Longer than PostgreSQL's `deadlock_timeout`, after which an autovacuum gives way.
_LOCK_TIMEOUT: Final = "3s"
_PAUSE_SECONDS: Final = 0.2


def change_tables(session: OperatorSession, change: Callable[[], object]) -> None:
    """Change tables in a transaction, and let others go on when one cannot be locked soon.

    Raises `PreconditionFailed` where somebody does not let go of a table.
    """
    end = monotonic() + _SECONDS_MAX
    while True:
        try:
            with session.connection.transaction():
                session.connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
                change()
            return
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            if monotonic() > end:
                raise PreconditionFailed(f"somebody does not let go of a table: {error}") from error
            sleep(_PAUSE_SECONDS * random.uniform(0.5, 1))  # noqa: S311 - it guards no secret


def put_fence(session: OperatorSession) -> None:
    """Part of a transaction: whoever writes has ended before, and nobody writes from now on."""
    session.run_all("books", "make_fence")
    for table in TABLES:
        session.run("books", "lock", table=sql.Identifier(table))
    for table in TABLES:
        session.run("books", "fence", table=sql.Identifier(table))


def close_parent(session: OperatorSession) -> None:
    """End all work in the database of the parent. Harmless when that has been done.

    Raises `PreconditionFailed` where somebody does not let go of a table.
    """

    def close() -> None:
        put_fence(session)
        session.run("parent", "close")

    if not session.run("parent", "is_closed")[0].found:
        change_tables(session, close)
