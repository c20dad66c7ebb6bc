"""The connections of the workers: one for each thread, in autocommit mode."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from select import POLLIN, poll
from time import monotonic
from typing import Any, Final, Protocol

import psycopg
from psycopg import sql
from psycopg.abc import RV, PQGen
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult
from psycopg.rows import namedtuple_row
from psycopg.types.numeric import Int8Dumper

from swpt_accounts.db.installer import procedures_schema
from swpt_accounts.db.journal_warnings import report_missing
from swpt_accounts.db.procedures import Procedure
from swpt_accounts.db.queries import query
from swpt_accounts.db.schema_discovery import TABLES_PATH
from swpt_accounts.db.session_checks import await_standby, check_session, refused_by_pooler
from swpt_accounts.db.session_options import ARRIVED, WORKING, Pins, session_options
from swpt_accounts.observability import heartbeat
from swpt_accounts.observability.metrics.definitions import CONNECTIONS, LISTENS_LOST
from swpt_accounts.observability.metrics.recorder import count
from swpt_accounts.settings import Settings

SERVER = "the database"


class InstrumentedConnection(psycopg.Connection[tuple[Any, ...]]):
    """While it waits for the server, its thread is not late with its signs of life."""

    def wait(self, gen: PQGen[RV], *args: Any, **kwargs: Any) -> RV:
        """Consume a generator that operates on the connection."""
        with heartbeat.awaiting(SERVER):
            return super().wait(gen, *args, **kwargs)


_INT8_OID: Final = 20
_INT8S_OID: Final = 1016
# How often a session that waits shows that its worker is there, and is asked whether it listens.
LISTENING_SECONDS: Final = 20.0


_LISTENING: Final = query("listening").encode()


def _as_text(value: int | list[int]) -> bytes:
    """As PostgreSQL reads it."""
    return b"{%b}" % b",".join(map(_as_text, value)) if isinstance(value, list) else b"%d" % value


class HasFileno(Protocol):
    """Something that `select` can wait for."""

    def fileno(self) -> int: ...


class DatabaseConnection:
    """A connection that calls stored procedures, and receives the wake-ups of its topics."""

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]], name: str = "") -> None:
        self.raw = connection
        self._name = name
        self._heard: set[str] = set()
        self._topics: frozenset[str] = frozenset()
        self._listening_at = monotonic()
        self._awaited = ""
        self._probes: dict[bytes, bytes] = {}
        connection.add_notify_handler(lambda notice: self._heard.add(notice.channel))
        connection.add_notice_handler(report_missing)

    def _execute(self, procedure: Procedure, parameters: dict[str, Any]) -> psycopg.Cursor[Any]:
        assert parameters.keys() == procedure.parameters.keys(), (
            f"{procedure.name}: {sorted(parameters.keys() ^ procedure.parameters.keys())}"
        )
        cursor = self.raw.cursor(row_factory=namedtuple_row)
        return cursor.execute(procedure.statement, parameters)

    def call(self, procedure: Procedure, **parameters: Any) -> Any:
        """Call a procedure that returns one row: a tuple with the names of its columns."""
        row = self._execute(procedure, parameters).fetchone()
        assert row is not None, f"{procedure.name} returned nothing"
        return row

    def call_value(self, procedure: Procedure, **parameters: Any) -> Any:
        """Call a procedure that returns a single value, or None."""
        (value,) = self.call(procedure, **parameters)
        return value

    def call_table(self, procedure: Procedure, **parameters: Any) -> list[Any]:
        """Call a procedure that returns many rows: tuples with the names of its columns."""
        return self._execute(procedure, parameters).fetchall()

    def probe(self, statement: bytes, *values: int | list[int]) -> list[str | None]:
        """The first column of the rows of a statement with the placeholders `$1`, `$2` …

        A value is an integer, or an array of integers: always the same, for a statement.

        For small questions that are asked all day. It calls libpq itself: a cursor waits in many
        small steps, in each of which another thread may take the interpreter, and needs more
        time for that than for all the rest.
        """
        pgconn = self.raw.pgconn
        name = self._probes.get(statement)
        if name is None:
            name = self._probes[statement] = b"probe_%d" % len(self._probes)
            oids = [_INT8S_OID if isinstance(value, list) else _INT8_OID for value in values]
            self._check(pgconn.prepare(name, statement, oids))
        with heartbeat.awaiting(SERVER):
            result = pgconn.exec_prepared(name, [_as_text(value) for value in values])
        return self._first_column(result)

    def send_probe(self, statement: bytes, *values: int | list[int]) -> int:
        """Ask what `probe` has asked before, and do not wait for the answer.

        Returns the file descriptor that becomes readable. Raises `psycopg.Error`.
        """
        pgconn = self.raw.pgconn
        pgconn.send_query_prepared(self._probes[statement], [_as_text(value) for value in values])
        pgconn.flush()
        return pgconn.socket

    def receive_probe(self) -> list[str | None] | None:
        """What `probe` returns; None if not all of it has come. Raises `psycopg.Error`."""
        pgconn = self.raw.pgconn
        pgconn.consume_input()
        if pgconn.is_busy():
            return None
        result = pgconn.get_result()
        assert result is not None
        while pgconn.get_result() is not None:
            pass
        return self._first_column(result)

    def _first_column(self, result: PGresult) -> list[str | None]:
        self._check(result)
        found = [result.get_value(i, 0) for i in range(result.ntuples)]
        return [None if value is None else value.decode() for value in found]

    def _check(self, result: PGresult) -> None:
        if result.status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
            raise psycopg.errors.error_from_result(result, self.raw.info.encoding)

    @contextmanager
    def batch(self) -> Iterator[Callable[..., None]]:
        """A transaction whose calls return nothing.

        Yields a function that calls a stored procedure, with the arguments of `call`. In a pipeline
        psycopg would wait as often, for BEGIN and COMMIT too, and take the processor for longer.
        """

        def post(procedure: Procedure, **parameters: Any) -> None:
            self._execute(procedure, parameters)

        with self.raw.transaction():
            yield post

    def listen(self, topics: Iterable[str]) -> None:
        """Receive the wake-ups of these topics from now on."""
        for topic in topics:
            self.raw.execute(sql.SQL("LISTEN {}").format(sql.Identifier(topic)))
            self._topics |= {topic}
        self._listening_at = monotonic()

    def keep_alive(self) -> None:
        """Ask from time to time whether the session is there, and still listens: something between
        may have ended that. Others see by it that the worker is not frozen.

        Raises `psycopg.OperationalError` if the session does not listen any more.
        """
        if monotonic() - self._listening_at < LISTENING_SECONDS:
            return
        self._listening_at = monotonic()
        lost = self._topics.difference(filter(None, self.probe(_LISTENING)))
        if lost:
            count(LISTENS_LOST, 1, self._name)
            raise psycopg.OperationalError(
                f"the session does not listen to {', '.join(sorted(lost))} any more"
            )

    def note_wait(self, server: str) -> None:
        """Let the session's name say for which other server its worker waits; "": for none."""
        if server != self._awaited:
            name = f"swpt_accounts {self._name}" + (f": waiting for {server}" if server else "")
            self.raw.execute("SELECT set_config('application_name', %s, false)", [name])
            self._awaited = server

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
        end = monotonic() + seconds_max
        waiting = poll()
        for fd in (self.raw.pgconn.socket, *(other.fileno() for other in others)):
            waiting.register(fd, POLLIN)
        while True:
            self.keep_alive()
            rest = max(end - monotonic(), 0)
            is_ready = heartbeat.watched_poll(waiting, min(rest, LISTENING_SECONDS))
            heard = self.heard()
            if heard or is_ready or rest <= LISTENING_SECONDS:
                return heard

    def close(self) -> None:
        """Close the connection; what was not committed is undone."""
        self.raw.close()


def connect(
    settings: Settings,
    name: str,
    *,
    is_read_only: bool = False,
    is_for_peers: bool = False,
    behaviour: Sequence[Pins] = WORKING,
) -> DatabaseConnection:
    """Connect to the database. Raises `psycopg.OperationalError`.

    Of several servers in the URL the one that can be written to is taken; with `is_read_only`,
    any that the URL allows. Where the program's procedures are missing, the error is
    `ProceduresNotInstalled`; where it cannot work, `UnsuitableDatabase`; where it may not
    work yet, or not any more, `ShardClosedError`: also where it only reads, if that is for
    peers, who would get old answers. What a session that
    writes can see at its beginning is on the synchronous standby, too, where there is one.
    """

    may_be_past = is_read_only and not is_for_peers

    def open_session() -> psycopg.Connection[tuple[Any, ...]]:
        return _open(settings, name, behaviour, is_read_only=is_read_only)

    with heartbeat.awaiting(SERVER):
        connection = open_session()
    # One type for all integers: otherwise each mixture of small and large ones in a batch would
    # be prepared as a separate statement.
    connection.adapters.register_dumper(int, Int8Dumper)
    try:
        check_session(connection, open_session, settings.realm, may_be_past=may_be_past)
        if not is_read_only:
            await_standby(connection)
    except BaseException:
        connection.close()
        raise
    count(CONNECTIONS, 1, name, "database")
    return DatabaseConnection(connection, name)


def _open(
    settings: Settings, name: str, behaviour: Sequence[Pins], *, is_read_only: bool
) -> psycopg.Connection[tuple[Any, ...]]:
    wanted: dict[str, Any] = {} if is_read_only else {"target_session_attrs": "read-write"}
    pinned = {ARRIVED: "yes", "search_path": f"{procedures_schema()},{TABLES_PATH}"}
    try:
        return InstrumentedConnection.connect(
            settings.postgres_dsn,
            autocommit=True,
            application_name=f"swpt_accounts {name}",
            options=session_options(*behaviour, **pinned),
            client_encoding="UTF8",
            connect_timeout=5,
            keepalives_idle=30,
            tcp_user_timeout=20_000,
            **wanted,
        )
    except psycopg.OperationalError as error:
        raise refused_by_pooler(error) or error from None
