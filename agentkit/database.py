"""Looks into the database of an authority, and makes it unreachable."""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL, make_url

APPLICATION_NAME = "agentkit"
_MAINTENANCE_DATABASE = "postgres"
PASSAGES = (
    "transfer_request",
    "unverified_transfer_request",
    "prepared_transfer",
    "finalization_request",
    "pending_balance_change",
    "returned_message",
    "rejected_transfer_signal",
    "prepared_transfer_signal",
    "finalized_transfer_signal",
    "account_transfer_signal",
    "account_update_signal",
    "account_purge_signal",
    "rejected_config_signal",
    "pending_balance_change_signal",
)
"""The tables through which requests and messages pass: they are empty when all is done."""


def dsn_of(url: URL | str) -> str:
    """The address of a database for psycopg, from one for SQLAlchemy."""
    plain = make_url(url).set(drivername="postgresql")
    return plain.render_as_string(hide_password=False)


_Connection = psycopg.Connection[tuple[Any, ...]]
_kept: ContextVar[dict[str, _Connection] | None] = ContextVar("kept", default=None)


@contextmanager
def kept_connections() -> Iterator[None]:
    """Whoever asks again and again keeps the connection, which costs more than the question."""
    if _kept.get() is not None:
        yield
        return
    kept: dict[str, _Connection] = {}
    token = _kept.set(kept)
    try:
        yield
    finally:
        _kept.reset(token)
        for connection in kept.values():
            connection.close()


def execute(dsn: str, statement: str | sql.Composed, *arguments: Any) -> list[tuple[Any, ...]]:
    """Run a statement, over a connection of its own, or one that is kept. Returns its rows."""
    kept = _kept.get()
    if kept is None:
        with _connect(dsn) as connection:
            return _rows(connection, statement, arguments)
    if (own := kept.get(dsn)) is not None:
        try:
            return _rows(own, statement, arguments)
        except psycopg.Error:
            if not own.closed:
                raise
    kept[dsn] = _connect(dsn)
    return _rows(kept[dsn], statement, arguments)


def _connect(dsn: str) -> _Connection:
    # the tables may change while it is kept
    return psycopg.connect(
        dsn, autocommit=True, application_name=APPLICATION_NAME, prepare_threshold=None
    )


def _rows(
    connection: _Connection, statement: str | sql.Composed, arguments: tuple[Any, ...]
) -> list[tuple[Any, ...]]:
    cursor = connection.execute(statement, arguments or None)
    return cursor.fetchall() if cursor.description else []


def leftovers(
    query: Callable[[str], list[tuple[Any, ...]]], tables: Collection[str] = PASSAGES
) -> dict[str, int]:
    """How many rows such tables have, without those that are empty."""
    counts = [f"SELECT '{table}', count(*) FROM {table}" for table in tables]
    return {table: count for table, count in query(" UNION ALL ".join(counts)) if count}


@contextmanager
def new_database(server: URL | str, name: str) -> Iterator[str]:
    """The URL of a new database, for as long as the context lasts; an older one is dropped."""
    identifier = sql.Identifier(name)
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(identifier)
    dsn = dsn_of(server)
    execute(dsn, drop)
    execute(dsn, sql.SQL("CREATE DATABASE {}").format(identifier))
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        execute(dsn, drop)


class Database:
    """The database at an URL of SQLAlchemy's kind."""

    def __init__(self, url: str) -> None:
        self.url = url
        name = make_url(url).database
        assert name is not None
        self.name = name
        self.dsn = dsn_of(url)

    def query(self, statement: str | sql.Composed, *arguments: Any) -> list[tuple[Any, ...]]:
        """Run a statement. Returns its rows."""
        return execute(self.dsn, statement, *arguments)

    def connected(self, names: Iterable[str]) -> set[str]:
        """Those of these workers that have a connection."""
        rows = self.query(
            "SELECT DISTINCT application_name FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = ANY (%s)",
            [f"swpt_accounts {name}" for name in names],
        )
        return {name.removeprefix("swpt_accounts ") for (name,) in rows}

    def _administrate(self, statement: str) -> None:
        """Run a statement about the database, without a connection to it."""
        dsn = dsn_of(make_url(self.url).set(database=_MAINTENANCE_DATABASE))
        execute(
            dsn,
            sql.SQL(statement).format(name=sql.Identifier(self.name), text=sql.Literal(self.name)),
        )

    def drop_connections(self) -> None:
        """Terminate all connections to the database; new ones can be made."""
        self._administrate(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {text}"
        )

    def cut(self) -> None:
        """Make the database unreachable."""
        self._administrate("ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        self.drop_connections()

    def restore(self) -> None:
        """Make the database reachable again."""
        self._administrate("ALTER DATABASE {name} ALLOW_CONNECTIONS true")
