"""Connections to the real database, which let others run before each statement, and get lost."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq import TransactionStatus

from swpt_accounts.db.connection import DatabaseConnection, HasFileno
from swpt_accounts.db.procedures import Procedure
from verification.simulation.faults import LINGER_SECONDS
from verification.simulation.sessions import Session, Sessions
from verification.simulation.world import Process, World, is_stopping

Call = tuple[Procedure, dict[str, Any], Any]
"""A procedure, its parameters, and its row where that is known."""


class Shadow(Protocol):
    """Whoever follows what is committed."""

    def look(self, procedure: Procedure, parameters: dict[str, Any]) -> Any:
        """Hear what is about to be called. What is returned comes back with the commit."""

    def commit(self, calls: list[tuple[Call, Any]], moment: Any) -> None:
        """Hear what is committed."""


class SimConnection(psycopg.Connection[Any]):
    """A connection of psycopg's on a session."""

    def __init__(self, database: "SimDatabase", conninfo: str, process: Process | None) -> None:
        self.session: Session | None = database.sessions.take(conninfo)
        super().__init__(self.session.pgconn)
        self._autocommit = True
        self.prepare_threshold = 5
        self.database = database
        self.label = ""
        self.posted: Call | None = None
        self.calls: list[tuple[Call, Any]] = []
        self.topics: set[str] = set()
        self.heard: set[str] = set()
        self._conninfo = conninfo
        self._process = process
        self._will_commit = False
        self._is_quiet = False

    # -- the boundary -----------------------------------------------------------

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        if self.session is None:
            gen.close()
            raise psycopg.OperationalError("the connection is lost")
        if self._is_quiet:
            return super().wait(gen, *args, **kwargs)
        try:
            self.before()
        except BaseException:
            gen.close()
            raise
        looked = None if self.posted is None else self.database.shadow.look(*self.posted[:2])
        is_ending = self.pgconn.transaction_status == TransactionStatus.INTRANS
        try:
            result = super().wait(gen, *args, **kwargs)
        except BaseException:
            self.posted = None
            raise
        if self.posted is not None:
            self.calls.append((self.posted, looked))
            self.posted = None
        if is_ending and not self._will_commit and self._is_idle():
            self.calls.clear()
        self.after()
        return result

    def _is_idle(self) -> bool:
        return bool(self.pgconn.transaction_status == TransactionStatus.IDLE)

    def before(self) -> None:
        """Let others run, and set the time. Raises `Killed`, `psycopg.OperationalError`."""
        fault = self.database.world.boundary("db-before", self._label())
        if fault is not None and fault.kind.startswith("db-"):
            self.lose(LINGER_SECONDS if fault.kind == "db-linger" else 0.0)
        if self.session is None:
            raise psycopg.OperationalError("the connection is lost")
        if self._is_idle():
            self.session.set_moment(self.database.world.clock.now)

    def _label(self) -> str:
        label, self.label = self.label, ""
        return label or "statement"

    def after(self) -> None:
        """Note what is committed. Raises `Killed`, `psycopg.OperationalError`."""
        assert self.session is not None
        world = self.database.world
        if self._is_idle():
            self._will_commit = False
            calls, self.calls = self.calls, []
            if calls:
                self.database.shadow.commit(calls, self.session.moment)
            self.database.wake(self.session)
        fault = world.boundary("db-after", "", may_switch=False)
        if fault is not None and fault.kind.startswith("db-"):
            self.lose(LINGER_SECONDS if fault.kind == "db-linger" else 0.0)
            raise psycopg.OperationalError("the connection is lost: nobody knows what was done")

    @contextmanager
    def transaction(
        self, savepoint_name: str | None = None, force_rollback: bool = False
    ) -> Iterator[psycopg.Transaction]:
        with super().transaction(savepoint_name, force_rollback) as transaction:
            yield transaction
            self._will_commit = not force_rollback

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Nobody else runs between these statements; what was called goes if they fail."""
        self.calls.clear()
        self._is_quiet = True
        try:
            yield
        except BaseException:
            self.calls.clear()
            raise
        finally:
            self._is_quiet = False

    # -- the end ------------------------------------------------------------------

    def lose(self, linger_seconds: float = 0.0) -> None:
        """Lose the connection. The server undoes what is not committed, at once or later."""
        if self.session is None:
            return
        session, self.session = self.session, None
        self._closed = True
        self.pgconn = self.database.dead_pgconn
        self.database.end(self, session, linger_seconds)

    def close(self) -> None:
        self.lose()

    @property
    def process(self) -> Process | None:
        return self._process

    @property
    def conninfo(self) -> str:
        return self._conninfo


class SimDatabaseConnection(DatabaseConnection):
    """The program's own connection, with virtual waits and simulated wake-ups."""

    raw: SimConnection

    def _execute(self, procedure: Procedure, parameters: dict[str, Any]) -> psycopg.Cursor[Any]:
        self.raw.label = procedure.name
        if self.raw.session is not None:
            self.raw.posted = (procedure, parameters, None)
        try:
            return super()._execute(procedure, parameters)
        finally:
            self.raw.posted = None

    def call(self, procedure: Procedure, **parameters: Any) -> Any:
        row = super().call(procedure, **parameters)
        self.raw.database.trace_row(procedure, row)
        calls = self.raw.calls
        if calls and calls[-1][0][0] is procedure:
            calls[-1] = ((procedure, parameters, row), calls[-1][1])
        return row

    def probe(self, statement: bytes, *values: int | list[int]) -> list[str | None]:
        self.raw.before()
        found = super().probe(statement, *values)
        self.raw.after()
        return found

    @contextmanager
    def batch(self) -> Iterator[Callable[..., None]]:
        """At one moment: what two write at once has no order of which the shadow could know."""
        self.raw.label = "batch"
        self.raw.before()
        with self.raw.at_once(), super().batch() as post:

            def noted(procedure: Procedure, **parameters: Any) -> None:
                self.raw.calls.append(((procedure, parameters, None), None))
                self.raw.database.trace_call(procedure, parameters)
                post(procedure, **parameters)

            yield noted
        self.raw.after()

    def listen(self, topics: Iterable[str]) -> None:
        self.raw.label = "listen"
        self.raw.before()
        self.raw.topics |= set(topics)

    def heard(self) -> set[str]:
        if self.raw.session is None:
            raise psycopg.OperationalError("the connection is lost")
        heard, self.raw.heard = self.raw.heard, set()
        return heard

    def wait(self, seconds_max: float, *others: HasFileno) -> set[str]:
        if heard := self.heard():
            return heard
        world, process = self.raw.database.world, self.raw.process
        world.kernel.wait(
            seconds_max,
            lambda: bool(self.raw.heard) or self.raw.session is None or is_stopping(process),
        )
        return self.heard()


class SimDatabase:
    """What the connections of a run share."""

    def __init__(self, world: World, sessions: Sessions, shadow: Shadow, dead_pgconn: Any) -> None:
        self.world = world
        self.sessions = sessions
        self.shadow = shadow
        self.dead_pgconn = dead_pgconn
        self._connections: list[SimConnection] = []
        self._lingering: list[tuple[float, SimConnection, Session]] = []

    def connect(self, conninfo: str, **parameters: Any) -> SimConnection:
        """Stands for `psycopg.connect`."""
        world = self.world
        fault = world.boundary("db-before", "connect")
        if world.is_away("db") or (fault is not None and fault.kind.startswith("db-")):
            raise psycopg.OperationalError("connection refused")
        for name in ("autocommit", "application_name"):
            parameters.pop(name, None)
        process = world.process()
        connection = SimConnection(self, make_conninfo(conninfo, **parameters), process)
        self._connections.append(connection)
        if process is not None:
            process.connections.append(connection)
        return connection

    def end(self, connection: SimConnection, session: Session, linger_seconds: float) -> None:
        if connection in self._connections:
            self._connections.remove(connection)
        if connection.process is not None and connection in connection.process.connections:
            connection.process.connections.remove(connection)
        if linger_seconds:
            until = self.world.clock.monotonic + linger_seconds
            self._lingering.append((until, connection, session))
            self.world.kernel.spawn("server", "server", lambda: self._bury(until), linger_seconds)
        else:
            self.sessions.give(connection.conninfo, session)

    def _bury(self, until: float) -> None:
        """Roll back the transactions whose clients are gone for long."""
        due = [entry for entry in self._lingering if entry[0] <= until]
        for entry in due:
            self._lingering.remove(entry)
            _, connection, session = entry
            self.sessions.give(connection.conninfo, session)

    def wake(self, session: Session) -> None:
        """Wake up those who listen for what the session has committed last."""
        topics = session.take_woken()
        if not topics:
            return
        self.world.kernel.trace.note("", f"wakes {sorted(topics)}")
        fault = self.world.boundary("notice", "", may_switch=False)
        if fault is not None and fault.kind == "notice-lost":
            return
        for connection in self._connections:
            connection.heard |= connection.topics & topics

    def trace_call(self, procedure: Procedure, parameters: dict[str, Any]) -> None:
        self._note(f"{procedure.name} {parameters}")

    def trace_row(self, procedure: Procedure, row: Any) -> None:
        self._note(f"{procedure.name} -> {tuple(row)}")

    def _note(self, text: str) -> None:
        actor = self.world.kernel.current
        self.world.kernel.trace.note(actor.name if actor else "", text)

    def close(self) -> None:
        """Give back all sessions."""
        for connection in tuple(self._connections):
            connection.lose()
        for _, connection, session in self._lingering:
            self.sessions.give(connection.conninfo, session)
        self._lingering.clear()
