"""The connections of the workers: one a thread, in autocommit mode."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from select import POLLIN, poll
from typing import Any, Protocol

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from swpt_accounts.settings import Settings

logger = logging.getLogger(__name__)

# Every statement of the workers looks rows up by a key, or walks along an index: so the plans
# are told, instead of left to statistics that lag behind tables which fill and empty all day.
_OPTIONS = " ".join(
    f"-c {option}"
    for option in (
        "timezone=UTC",
        "enable_hashjoin=off",
        "enable_mergejoin=off",
        "enable_seqscan=off",
        "enable_bitmapscan=off",
        "jit=off",
        "plan_cache_mode=force_generic_plan",
        "lock_timeout=10s",
        "statement_timeout=120s",
        "idle_in_transaction_session_timeout=120s",
    )
)


class HasFileno(Protocol):
    """Something that `select` can wait for."""

    def fileno(self) -> int: ...


@cache
def _call_statement(function: str, args_count: int) -> bytes:
    placeholders = sql.SQL(", ").join([sql.Placeholder()] * args_count)
    statement = sql.SQL("SELECT * FROM {}({})").format(sql.Identifier(function), placeholders)
    return statement.as_bytes(None)


class DatabaseConnection:
    """A connection that calls stored procedures, and hears the wake-ups of its topics."""

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        self.raw = connection
        self._heard: set[str] = set()
        connection.add_notify_handler(lambda notice: self._heard.add(notice.channel))

    def call(self, function: str, *args: Any) -> tuple[Any, ...]:
        """Call a stored procedure that returns one row."""
        row = self.raw.execute(_call_statement(function, len(args)), args).fetchone()
        assert row is not None, f"{function} returned nothing"
        return row

    def call_table(self, function: str, *args: Any) -> list[tuple[Any, ...]]:
        """Call a stored procedure that returns many rows."""
        return self.raw.execute(_call_statement(function, len(args)), args).fetchall()

    @contextmanager
    def batch(self) -> Iterator[Callable[..., None]]:
        """A transaction whose calls return nothing, and travel together with its commit.

        Yields a function that calls a stored procedure, with the arguments of `call`.
        """

        def post(function: str, *args: Any) -> None:
            self.raw.execute(_call_statement(function, len(args)), args)

        with self.raw.pipeline(), self.raw.transaction():
            yield post

    def listen(self, topics: Iterable[str]) -> None:
        """Hear the wake-ups of these topics from now on."""
        for topic in topics:
            self.raw.execute(sql.SQL("LISTEN {}").format(sql.Identifier(topic)))

    def heard(self) -> set[str]:
        """The topics that have been woken up since the last call."""
        pgconn = self.raw.pgconn
        pgconn.consume_input()
        while notice := pgconn.notifies():
            self._heard.add(notice.relname.decode())
        heard, self._heard = self._heard, set()
        return heard

    def wait(self, seconds_max: float, *others: HasFileno) -> set[str]:
        """Wait for a wake-up, for one of the `others` to become readable, or for the time.

        Returns the topics that have been woken up.
        """
        if heard := self.heard():
            return heard
        waiting = poll()
        for fd in (self.raw.pgconn.socket, *(other.fileno() for other in others)):
            waiting.register(fd, POLLIN)
        waiting.poll(max(seconds_max, 0) * 1000)
        return self.heard()

    def close(self) -> None:
        """Close the connection; what was not committed is undone."""
        self.raw.close()


def connect(settings: Settings, name: str) -> DatabaseConnection:
    """Connect to the database. Raises `psycopg.OperationalError`."""
    url = make_url(settings.database_url)
    return DatabaseConnection(
        psycopg.connect(
            url.set(drivername="postgresql").render_as_string(hide_password=False),
            autocommit=True,
            application_name=f"swpt_accounts {name}",
            options=_OPTIONS,
            connect_timeout=5,
            keepalives_idle=30,
            tcp_user_timeout=20_000,
        )
    )
