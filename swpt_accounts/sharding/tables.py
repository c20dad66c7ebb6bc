"""How each table gets from the parent to its children, and the fence that stops writes."""

import random
from collections.abc import Callable
from time import sleep
from typing import Final

import psycopg
from psycopg import sql

from swpt_accounts.core.realm import ACCOUNT_BITS_LENGTH, Realm
from swpt_accounts.db.errors import one_line
from swpt_accounts.db.operator_session import OperatorSession
from swpt_accounts.sharding.sessions import Deadline

FILTERED: Final = ("account", "account_key", "prepared_transfer")
"""Replicated while the parent works, each child the rows of its realm."""

WHOLE: Final = ("registered_balance_change", "root_config", "handled_batch", "journal")
"""Replicated while the parent works, to both: it is not known whose rows they are."""

OWNED: Final = (
    *("transfer_request", "unverified_transfer_request", "finalization_request"),
    *("pending_balance_change", "returned_message"),
    *("rejected_config_signal", "rejected_transfer_signal", "prepared_transfer_signal"),
    *("finalized_transfer_signal", "account_transfer_signal", "account_update_signal"),
    *("account_purge_signal", "pending_balance_change_signal"),
)
"""Queues and outboxes: rows stay for moments, and are copied in the switch."""

SHARED: Final = ("returned_line", "dead_letter_dealt_with", "older_senders")
"""The same, but both children get all rows."""

LEFT: Final = ("procedures_version", "move", "move_proof", "scan_pass", "shard")
"""Each database has its own."""

TABLES: Final = (*OWNED, *FILTERED, *WHOLE, *SHARED)
"""In the order in which the stages lock them."""


def row_filter(realm: Realm) -> str:
    """The condition for the rows of a realm, of functions that decoding may call.

    It says the same as `in_realm`. Nothing for the realm of all accounts.
    """
    if realm.length == 0:
        return ""
    shift = ACCOUNT_BITS_LENGTH - realm.length
    first = realm.bits << shift
    last = first + (1 << shift) - 1
    bits = "decode(left(md5(int8send(debtor_id) || int8send(creditor_id)), 6), 'hex')"
    return f" WHERE ({bits} BETWEEN '\\x{first:06x}' AND '\\x{last:06x}')"


def published(realm: Realm) -> str:
    """What is published for the child of a realm."""
    condition = row_filter(realm)
    return ", ".join((*(f"{t}{condition}" for t in FILTERED), *WHOLE, "swpt_accounts_split.beat"))


_LOCK_SECONDS_MAX: Final = 120.0
# Longer than PostgreSQL's `deadlock_timeout`, after which an autovacuum gives way.
_LOCK_TIMEOUT: Final = "3s"
_LOCK_PAUSE_SECONDS: Final = 0.2


def change_tables(
    session: OperatorSession, change: Callable[[], object], deadline: Deadline | None = None
) -> None:
    """Change tables in a transaction; if one cannot be locked soon, let others continue and retry.

    Raises `PreconditionFailed` if a session keeps its lock.
    """
    deadline = deadline or Deadline(_LOCK_SECONDS_MAX)
    while True:
        try:
            with session.connection.transaction():
                session.connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
                change()
            return
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            deadline.check(f"a session still holds a lock on one of the tables: {one_line(error)}")
            sleep(_LOCK_PAUSE_SECONDS * random.uniform(0.5, 1))  # noqa: S311 - it guards no secret


def lock_tables(session: OperatorSession) -> None:
    """Part of a transaction: writers have ended before it, and wait until it ends."""
    names = (sql.SQL("ONLY {}").format(sql.Identifier(table)) for table in TABLES)
    session.run("books", "lock", tables=sql.SQL(", ").join(names))


def put_fence(session: OperatorSession) -> None:
    """Part of a transaction: writers have ended before it, and are rejected from now on."""
    session.run_all("books", "make_fence")
    lock_tables(session)
    for table in TABLES:
        session.run("books", "fence", table=sql.Identifier(table))


def close_parent(session: OperatorSession, deadline: Deadline) -> None:
    """Close the database of the parent for writing. Harmless if that has been done.

    Raises `PreconditionFailed` if a session keeps its lock.
    """

    def close() -> None:
        put_fence(session)
        session.run("parent", "close")

    if not session.run("parent", "is_closed")[0].found:
        change_tables(session, close, deadline)


def open_parent(session: OperatorSession) -> None:
    """Let it work again. Harmless if it does."""
    with session.connection.transaction():
        session.run_all("books", "open_fence")
        session.run("parent", "open")
