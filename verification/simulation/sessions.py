"""Sessions with the real server, which outlive the connections, and the database that they use."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.pq import ExecStatus, PipelineStatus, TransactionStatus

from verification.kit.rows import CHANGING_TABLES, TOPICS

_TOPICS: Final = sorted({*TOPICS.values(), "PendingAccountUpdate"})
_WAKE: Final = (Path(__file__).parent / "wake.sql").read_text()
# A lock that somebody holds is held by one who does not run: to wait for it is in vain.
_LOCK_TIMEOUT: Final = b"SET lock_timeout = '1ms'"
_SCANNED: Final = ("account", "prepared_transfer")


class Session:
    """A session with the server; it is used again by the next connection."""

    def __init__(self, pgconn: Any) -> None:
        self.pgconn = pgconn
        self.moment: Any = None
        self.woken = ""

    def execute(self, statement: bytes) -> None:
        result = self.pgconn.exec_(statement)
        assert result.status in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK), result.error_message

    def set_moment(self, moment: Any) -> None:
        if moment != self.moment:
            self.execute(f"SET swpt_accounts.now = '{moment.isoformat()}'".encode())
            self.moment = moment

    def take_woken(self) -> set[str]:
        """The topics that the last commit has woken up, once."""
        woken = (self.pgconn.parameter_status(b"application_name") or b"").decode()
        if woken == self.woken or "|" not in woken:
            return set()
        self.woken = woken
        return {_TOPICS[ord(letter) - 65] for letter in woken.split("|")[1]}

    def clear(self) -> None:
        """Undo what is not committed, and forget what was set."""
        if self.pgconn.transaction_status != TransactionStatus.IDLE:
            self.execute(b"ROLLBACK")
        self.execute(b"DEALLOCATE ALL; RESET ALL; " + _LOCK_TIMEOUT)
        self.moment, self.woken = None, ""


class Sessions:
    """Sessions that nobody uses, by how they were opened."""

    def __init__(self) -> None:
        self._free: dict[str, list[Session]] = {}

    def take(self, conninfo: str) -> Session:
        free = self._free.setdefault(conninfo, [])
        if free:
            session = free.pop()
        else:
            connection = psycopg.Connection.connect(conninfo)
            # else psycopg complains that nobody has closed it
            connection._pool = None
            session = Session(connection.pgconn)
            session.execute(_LOCK_TIMEOUT)
        return session

    def give(self, conninfo: str, session: Session) -> None:
        if session.pgconn.pipeline_status != PipelineStatus.OFF:
            session.pgconn.finish()
            return
        session.clear()
        self._free[conninfo].append(session)

    def close(self) -> None:
        for free in self._free.values():
            for session in free:
                session.pgconn.finish()
        self._free.clear()


def prepare_database(connection: psycopg.Connection[Any], schema: str) -> None:
    """Make a migrated database fit for runs: wake-ups by a setting, no WAL, no autovacuum."""
    topics = sql.SQL("ARRAY[{}]").format(sql.SQL(", ").join(map(sql.Literal, _TOPICS)))
    connection.execute(sql.SQL("SET search_path = {}, public").format(sql.Identifier(schema)))
    connection.execute(sql.SQL(_WAKE).format(topics=topics))
    for table in CHANGING_TABLES:
        name = sql.Identifier(table)
        connection.execute(sql.SQL("ALTER TABLE {} SET UNLOGGED").format(name))
        connection.execute(sql.SQL("ALTER TABLE {} SET (autovacuum_enabled = off)").format(name))
    connection.execute("ALTER SEQUENCE change_id_seq SET UNLOGGED")


def empty_database(connection: psycopg.Connection[Any]) -> None:
    """Remove all rows, and begin all numbers anew. That takes less time than TRUNCATE.

    Of the tables that are scanned, the number of pages is 0 again, too.
    """
    with connection.pipeline():
        for table in CHANGING_TABLES:
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
        connection.execute(
            "SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, 1, false)"
            " FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL"
        )
    connection.execute(sql.SQL("VACUUM {}").format(_names(_SCANNED)))


def _names(tables: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, tables))
