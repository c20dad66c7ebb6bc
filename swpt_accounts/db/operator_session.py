"""The session of an operator who changes a whole database: a takeover, or a split."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.rows import namedtuple_row

from swpt_accounts.db.queries import read_queries
from swpt_accounts.db.schema_discovery import Connection
from swpt_accounts.db.session_options import ARRIVED, OPERATING, session_options
from swpt_accounts.settings import Settings

_TURN_SECONDS_MAX: Final = 600.0
_TURN_PAUSE_SECONDS: Final = 0.5


class PreconditionFailed(Exception):
    """The command cannot run, and has changed nothing. The text says why: a line, maybe a list."""


class OperatorSession:
    """A connection, and the statements of a feature's folder."""

    def __init__(self, connection: Connection, folder: str) -> None:
        self.connection = connection
        self._folder = folder

    def statement(self, file: str, name: str, **names: sql.Composable) -> sql.Composed:
        """A statement of a file, with names in place of what is in braces."""
        return sql.SQL(read_queries(f"{self._folder}/{file}.sql")[name]).format(**names)

    def run(
        self,
        file: str,
        name: str,
        parameters: Mapping[str, Any] | None = None,
        **names: sql.Composable,
    ) -> list[Any]:
        """Run it. Returns the rows: tuples with names."""
        statement = self.statement(file, name, **names)
        with self.connection.cursor(row_factory=namedtuple_row) as cursor:
            cursor.execute(statement, parameters or {})
            return cursor.fetchall() if cursor.description else []

    def run_all(self, file: str, name: str, **names: sql.Composable) -> None:
        """Run several statements, which take no parameters and return nothing."""
        self.connection.execute(self.statement(file, name, **names).as_bytes(self.connection))

    def named_rows(self, name: str) -> psycopg.ServerCursor[Any]:
        """A cursor of the server: its rows, tuples with names, come in parts."""
        return self.connection.cursor(name=name, row_factory=namedtuple_row)

    def set_path(self, *schemas: str) -> None:
        """Where names are looked for, until the end of the transaction."""
        path = sql.SQL(", ").join(map(sql.Identifier, schemas))
        self.connection.execute(sql.SQL("SET LOCAL search_path = {}").format(path))

    @contextmanager
    def one_at_a_time(self) -> Iterator[None]:
        """Let no other takeover, split or upgrade of this database run meanwhile."""
        end = monotonic() + _TURN_SECONDS_MAX
        while not self._call("try_lock"):
            if monotonic() > end:
                raise PreconditionFailed(
                    "another takeover, split or upgrade of this database is running"
                )
            sleep(_TURN_PAUSE_SECONDS)
        try:
            yield
        finally:
            if not self.connection.closed:
                self._call("unlock")

    def _call(self, name: str) -> Any:
        row = self.connection.execute(read_queries("db/operator_session.sql")[name]).fetchone()
        return None if row is None else row[0]


@contextmanager
def open_operator_session(settings: Settings, folder: str, name: str) -> Iterator[OperatorSession]:
    """Connect, with the statements of a folder and an `application_name`.

    Raises `psycopg.Error`, `SettingsError`.
    """
    connection = psycopg.connect(
        settings.postgres_dsn,
        autocommit=True,
        application_name=f"swpt_accounts {name}",
        options=session_options(OPERATING, **{ARRIVED: "yes"}),
        client_encoding="UTF8",
        connect_timeout=5,
        keepalives_idle=30,
        tcp_user_timeout=20_000,
    )
    try:
        session = OperatorSession(connection, folder)
        connection.execute(read_queries("db/operator_session.sql")["without_time_limit"])
        yield session
    finally:
        connection.close()
