"""Checks a new session: is it what the program needs, and is it the turn of this shard?"""

from collections.abc import Callable, Collection
from contextlib import suppress
from select import POLLIN, poll
from time import monotonic
from typing import Any, Final

import psycopg
from psycopg.pq import ExecStatus
from psycopg.rows import namedtuple_row

from swpt_accounts.core.realm import Realm
from swpt_accounts.db.errors import ProceduresNotInstalled, ShardClosedError, UnsuitableDatabase
from swpt_accounts.db.installer import procedures_version
from swpt_accounts.db.queries import query
from swpt_accounts.db.session_options import ARRIVED

SCHEMA: Final = "swpt_accounts_split"
LEAVE: Final = "consumers_leave"
"""The consumers of the parent stop: the command consumes what is left in its queue."""
SWITCHED: Final = "has_switched"
"""The database of the parent is closed for writing."""
WAITS: Final = "waits_for_switch"
"""The database of a child is incomplete: it may not even be read."""
ORIGIN: Final = "origin"
"""The database is that of a child, until `shards finish`."""

TAKEN_OVER: Final = (
    "other shards have taken over from this shard (see `shards status`): stop its services"
)
NOT_YET: Final = (
    "this database is being filled from that of another shard; it can be used after `shards switch`"
)


def wrong_shard(problem: str, realm: Realm) -> UnsuitableDatabase:
    """The database is not for the shard of this realm."""
    return UnsuitableDatabase(
        f"the database is not for the shard {realm}: {problem}. Check POSTGRES_URL and"
        " PROTOCOL_BROKER_QUEUE_ROUTING_KEY"
    )


def refuse_other_shard(known: str | None, realm: Realm) -> None:
    """Raises `UnsuitableDatabase` if the database is known to be another shard's."""
    if known is not None and not realm.is_within(Realm.parse(known)):
        raise wrong_shard(f"it is the database of the shard {known}", realm)


def refuse_where_closed(marks: Collection[str], *, may_be_past: bool) -> None:
    """Raises `ShardClosedError` where a session may not work; or, if it may be past, not read."""
    if WAITS in marks:
        raise ShardClosedError(NOT_YET)
    if SWITCHED in marks and not may_be_past:
        raise ShardClosedError(TAKEN_OVER)


def refuse_consumers(marks: Collection[str]) -> None:
    """Raises `ShardClosedError` if messages may not be consumed."""
    if LEAVE in marks:
        raise ShardClosedError("`shards switch` drains the queue of this shard: not consuming")


Connection = psycopg.Connection[tuple[Any, ...]]

_ENCODING: Final = "UTF8"
_NO_POOLER: Final = (
    "The program needs a server session of its own, with the startup parameter `options`: connect"
    " directly to PostgreSQL"
)
_POOLER_SECONDS_MAX = 3.0
_STANDBY_SECONDS_MAX = 10.0
_CANCEL_SECONDS_MAX = 3.0


def check_session(
    connection: Connection,
    open_second: Callable[[], Connection],
    realm: Realm,
    *,
    may_be_past: bool,
) -> None:
    """Check a session, with one statement, and make its commits durable.

    Behind a connection pooler `open_second` makes another session. With `may_be_past`, others may
    have taken over the shard. Raises `ProceduresNotInstalled`, `UnsuitableDatabase`,
    `ShardClosedError`.
    """
    encoding = connection.info.parameter_status("server_encoding") or _ENCODING
    if encoding != _ENCODING:
        raise UnsuitableDatabase(
            f"the database encoding is {encoding}, which cannot store every message; it must be"
            f" {_ENCODING}"
        )
    parameters = {
        "version": procedures_version(),
        "arrived": ARRIVED,
        "split_schema": SCHEMA,
    }
    cursor: psycopg.Cursor[Any] = connection.cursor(row_factory=namedtuple_row)
    try:
        row = cursor.execute(query("check_session"), parameters).fetchone()
    except psycopg.errors.UndefinedTable:
        row = None
    if row is not None:
        _check_pooler(connection, open_second, row.pid, has_options=row.has_options)
        refuse_other_shard(row.realm, realm)
        refuse_where_closed(row.split_marks, may_be_past=may_be_past)
    if row is None or not row.is_installed:
        raise ProceduresNotInstalled(
            "the database does not have the stored procedures of this program"
            f" (version {parameters['version']}): run `flask db upgrade` to install them"
        )


def await_standby(connection: Connection) -> None:
    """Wait until the synchronous standby, if there is one, has all that the session can see.

    A commit whose wait for the standby was cut off (the server has crashed, for example) is seen
    by everybody afterwards, and is lost all the same when the standby takes over. What was read of
    it must not be acknowledged, nor sent. So the session commits something of its own, which is
    confirmed after all that was committed before. Raises `psycopg.OperationalError` when that
    takes long.
    """
    pgconn = connection.pgconn
    pgconn.send_query(query("write_to_standby").encode())
    if _is_answered(connection, _STANDBY_SECONDS_MAX):
        while result := pgconn.get_result():
            if result.status != ExecStatus.TUPLES_OK:
                raise psycopg.errors.error_from_result(result, connection.info.encoding)
        return
    # Without this, the server would keep its side of each attempt until the standby is back.
    with suppress(psycopg.Error):
        connection.cancel_safe(timeout=_CANCEL_SECONDS_MAX)
    raise psycopg.OperationalError(
        "the synchronous standby does not confirm commits (synchronous_standby_names)"
    )


def refused_by_pooler(error: psycopg.OperationalError) -> UnsuitableDatabase | None:
    """What it means when a connection pooler does not take the options of a session."""
    if "unsupported startup parameter" not in str(error):
        return None
    return UnsuitableDatabase(f"a connection pooler rejected the session. {_NO_POOLER}")


def _check_pooler(
    connection: Connection,
    open_second: Callable[[], Connection],
    pid: int,
    *,
    has_options: bool,
) -> None:
    """A pooler gives its clients other process ids than those of the servers behind it."""
    if not has_options:
        raise UnsuitableDatabase(
            f"a connection pooler dropped the options of the session. {_NO_POOLER}"
        )
    if pid == connection.info.backend_pid:
        return
    second = open_second()
    try:
        if _pid_in_transaction(second) == pid or _pid(connection) != pid:
            raise UnsuitableDatabase(
                "a connection pooler shares server sessions between clients"
                f" (pool_mode is not `session`). {_NO_POOLER}"
            )
    finally:
        second.close()


def _pid(connection: Connection) -> int:
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    assert row is not None
    return int(row[0])


def _pid_in_transaction(connection: Connection) -> int:
    """Begin a transaction, which keeps a server session, and return the id of its process.

    A pooler may let it wait for one without end, so the wait has a limit.
    """
    pgconn = connection.pgconn
    pgconn.send_query(b"BEGIN; SELECT pg_backend_pid()")
    if not _is_answered(connection, _POOLER_SECONDS_MAX):
        raise psycopg.OperationalError("the connection pooler has no free server session")
    while result := pgconn.get_result():
        if result.ntuples:
            return int(result.get_value(0, 0) or 0)
    raise psycopg.OperationalError("the connection pooler does not respond")


def _is_answered(connection: Connection, seconds_max: float) -> bool:
    """Whether the answer to what was sent comes in this time."""
    pgconn = connection.pgconn
    waiting = poll()
    waiting.register(pgconn.socket, POLLIN)
    end = monotonic() + seconds_max
    while pgconn.is_busy():
        if not waiting.poll(max(end - monotonic(), 0) * 1000):
            return False
        pgconn.consume_input()
    return True
