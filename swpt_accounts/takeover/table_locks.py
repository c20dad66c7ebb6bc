"""Locks tables, and terminates sessions that are in the way."""

from collections.abc import Iterable
from time import monotonic
from typing import Final

import psycopg
from psycopg import sql

from swpt_accounts.db.operator_session import OperatorSession, PreconditionFailed

_SECONDS_MAX: Final = 120.0
# Shorter than PostgreSQL's `deadlock_timeout`: holders of locks are terminated before.
_ATTEMPT_MILLISECONDS: Final = 400


def lock_tables(session: OperatorSession, schema: str, tables: Iterable[str]) -> None:
    """Lock tables exclusively, until the end of the transaction.

    Sessions of the same roles that hold locks are terminated: they reconnect, and then wait
    behind this one. Others are waited for. Raises `PreconditionFailed`.
    """
    end = monotonic() + _SECONDS_MAX
    for table in tables:
        patience = _ATTEMPT_MILLISECONDS
        while not _try_to_lock(session, schema, table, patience):
            patience = _make_way(session, schema, table, is_over=monotonic() > end)


def _try_to_lock(session: OperatorSession, schema: str, table: str, patience: int) -> bool:
    connection = session.connection
    connection.execute(f"SET LOCAL lock_timeout = {patience:d}")
    try:
        with connection.transaction():
            session.run_all(
                "reference_tables",
                "lock",
                schema=sql.Identifier(schema),
                table=sql.Identifier(table),
            )
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
        return False
    finally:
        if not connection.closed:
            connection.execute("SET LOCAL lock_timeout = 0")
    return True


def _make_way(session: OperatorSession, schema: str, table: str, *, is_over: bool) -> int:
    """Terminate the holders. Returns how long the next attempt may wait."""
    name = sql.Identifier(schema, table).as_string(session.connection)
    patience = _ATTEMPT_MILLISECONDS
    for holder in session.run("reference_tables", "end_holders", {"table": name}):
        if holder.is_vacuum:
            ((patience,),) = session.run("reference_tables", "patience")
        if not holder.is_ended and is_over:
            raise PreconditionFailed(
                f"the table {name} is locked by the session {holder.pid} of the role"
                f" {holder.role!r} ({holder.program or 'no name'}), which this role may not"
                " terminate"
            )
    if is_over:
        raise PreconditionFailed(f"could not lock the table {name} within {_SECONDS_MAX:g} s")
    return patience
