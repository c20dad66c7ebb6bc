"""Reads from the database: each thread of the web server has a connection of its own.

What is read is of this moment: when others have taken over the shard, nothing is.
"""

import logging
import threading
from collections.abc import Iterable, Sequence
from typing import Final

import psycopg

from swpt_accounts.core.account_lists import Account
from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.db.errors import ShardClosedError
from swpt_accounts.db.outage_reporter import CircuitBreaker, DatabaseUnavailable
from swpt_accounts.db.procedures import GET_CONFIG_DATA
from swpt_accounts.db.queries import query
from swpt_accounts.db.session_checks import TAKEN_OVER
from swpt_accounts.settings import Settings

Values = Sequence[int | list[int]]

_NAME = "webserver"
_local = threading.local()
_UNLESS_PAST: Final = query("unless_past")
_ARE_REACHABLE: Final = f"{query('are_reachable')} {_UNLESS_PAST} ORDER BY number".encode()
_CONFIG_DATA: Final = GET_CONFIG_DATA.numbered_statement + b" " + _UNLESS_PAST.encode()
_breaker = CircuitBreaker(logging.getLogger(__name__), _NAME)


def are_reachable(settings: Settings, accounts: Sequence[Account]) -> list[bool]:
    """Whether each of these accounts accepts incoming transfers. Raises `DatabaseUnavailable`."""
    return [value == "t" for value in read(settings, _ARE_REACHABLE, *_columns(accounts))]


def _columns(accounts: Sequence[Account]) -> Iterable[list[int]]:
    return map(list, zip(*accounts, strict=True))


def kept_connection() -> DatabaseConnection | None:
    """The connection of this thread, if it was of use."""
    return getattr(_local, "connection", None)


def send_question(connection: DatabaseConnection, accounts: Sequence[Account]) -> int:
    """Ask, without waiting, what `are_reachable` has asked over this connection before.

    Returns the file descriptor that becomes readable. Raises `psycopg.Error`.
    """
    return connection.send_probe(_ARE_REACHABLE, *_columns(accounts))


def receive_answer(connection: DatabaseConnection) -> list[bool] | None:
    """What `are_reachable` returns; None if not all of it has come.

    Raises `psycopg.Error`: `are_reachable` knows what to do.
    """
    found = connection.receive_probe()
    if found is None:
        return None
    if not found:
        raise ShardClosedError(TAKEN_OVER)
    return [value == "t" for value in found]


def config_data(settings: Settings, account: Account) -> str | None:
    """An account's configuration; None if there is no such account.

    Raises `DatabaseUnavailable`.
    """
    return read(settings, _CONFIG_DATA, *account)[0]


def read(settings: Settings, statement: bytes, *values: int | list[int]) -> list[str | None]:
    """The values that a statement finds, as PostgreSQL writes them: true is "t".

    A connection that was lost in the meantime is opened again, once. Raises `DatabaseUnavailable`.
    """
    try:
        found = _read(settings, statement, values)
    except psycopg.Error as error:
        _breaker.failed(error)
        raise DatabaseUnavailable from error
    _breaker.succeeded()
    return found


def _read(settings: Settings, statement: bytes, values: Values) -> list[str | None]:
    kept: DatabaseConnection | None = getattr(_local, "connection", None)
    if kept is not None:
        try:
            return _ask(kept, statement, values)
        except psycopg.Error:
            kept.close()
            _local.connection = None
    connection = _breaker.connect(
        lambda: connect(settings, _NAME, is_read_only=True, is_for_peers=True)
    )
    try:
        found = _ask(connection, statement, values)
    except BaseException:
        connection.close()
        raise
    _local.connection = connection
    return found


def _ask(connection: DatabaseConnection, statement: bytes, values: Values) -> list[str | None]:
    found = connection.probe(statement, *values)
    if not found:
        raise ShardClosedError(TAKEN_OVER)
    return found
