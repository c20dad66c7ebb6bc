"""The connections of the workers: one a thread, in autocommit mode."""

import logging
from collections.abc import Iterable, Sequence
from select import select
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


class DatabaseConnection:
    """A connection that calls stored procedures, and hears the wake-ups of its topics."""

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        self.raw = connection
        self._heard: set[str] = set()
        connection.add_notify_handler(lambda notice: self._heard.add(notice.channel))

    def call(self, function: str, *args: Any) -> tuple[Any, ...]:
        """Call a stored procedure that returns one row."""
        row = self._execute(function, args).fetchone()
        assert row is not None, f"{function} returned nothing"
        return row

    def call_table(self, function: str, *args: Any) -> list[tuple[Any, ...]]:
        """Call a stored procedure that returns many rows."""
        return self._execute(function, args).fetchall()

    def _execute(self, function: str, args: Sequence[Any]) -> psycopg.Cursor[tuple[Any, ...]]:
        statement = sql.SQL("SELECT * FROM {}({})").format(
            sql.Identifier(function), sql.SQL(", ").join([sql.Placeholder()] * len(args))
        )
        return self.raw.execute(statement, args)

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
        select([self.raw.pgconn.socket, *others], [], [], max(seconds_max, 0))
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
