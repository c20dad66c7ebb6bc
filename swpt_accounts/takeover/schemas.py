"""The schemas of our tables and of the reference's, and what is moved between them."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from time import monotonic
from typing import Final

import psycopg
from psycopg import sql

from swpt_accounts.db.installer import REVISION, procedures_schema
from swpt_accounts.db.operator_session import (
    OperatorSession,
    PreconditionFailed,
    open_operator_session,
)
from swpt_accounts.db.schema_discovery import (
    BOOKS,
    KEPT_BOOKS,
    KEPT_REFERENCE,
    REFERENCE_REVISIONS,
    Found,
    Owner,
    discover,
)
from swpt_accounts.settings import Settings
from swpt_accounts.takeover.checks import check_structure
from swpt_accounts.takeover.reference_schema import TABLES

JOURNAL_TABLES: Final = ("journal", *(f"journal_{slot:02}" for slot in range(32)))
"""The journal, and its slots."""

OUR_TABLES: Final = (
    *sorted(
        {
            *TABLES,
            *("account_key", "root_config", "unverified_transfer_request", "handled_batch"),
            *("returned_message", "returned_line", "dead_letter_dealt_with"),
            *("procedures_version", "move", "move_proof", "scan_pass", "shard"),
            "older_senders",
            *JOURNAL_TABLES,
        }
    ),
)
"""All of our tables; those of the reference have some of these names, too."""

MAKE_ROOM: Final = (
    "run `move_out --make-room`, then `configure` of the reference, then this command again"
)


@dataclass(frozen=True, slots=True)
class Destination:
    """Schemas: where the reference's tables are, where its programs look for them, and where there
    is a guard that keeps them out.
    """

    reference: str
    target: str
    guarded: str | None


def open_takeover_session(settings: Settings) -> AbstractContextManager[OperatorSession]:
    """Connect to the database. Raises `psycopg.Error`, `SettingsError`."""
    return open_operator_session(settings, "takeover/sql", "move")


def find_destination(session: OperatorSession) -> Destination | None:
    """Where our rows are to go; None where they are. Raises `PreconditionFailed`."""
    found = discover(session.connection)
    match found.owner:
        case Owner.NOBODY:
            raise PreconditionFailed(f"{found}: check POSTGRES_URL")
        case Owner.OURS | Owner.BOTH:
            check_our_place(session, found)
        case _ if exists(session, KEPT_BOOKS, "account_key"):
            return None
        case _:
            raise PreconditionFailed(f"{found}: there is nothing to give back")
    destination = _destination(session, found)
    check_structure(session, destination.reference)
    return destination


def check_our_place(session: OperatorSession, found: Found) -> None:
    """Our tables are not in the way, and are those of this version. Raises `PreconditionFailed`."""
    if not exists(session, BOOKS, "account_key"):
        raise PreconditionFailed(
            f"the tables of this program are not in the schema {BOOKS!r}, and leave no room for"
            f" those of the reference: {MAKE_ROOM}"
        )
    _check_our_version(session, BOOKS)


def _check_our_version(session: OperatorSession, schema: str) -> None:
    revision = read_revision(session, schema)
    has_procedures = session.run("out", "has_schema", schema=sql.Literal(procedures_schema()))[0][0]
    if revision != REVISION or not has_procedures:
        raise PreconditionFailed(
            "the tables or the stored procedures belong to another version of this program"
            f" (migrations: {revision}; this one has {REVISION}): run `move_out` of that version,"
            " or `configure` of this one"
        )


def _destination(session: OperatorSession, found: Found) -> Destination:
    if found.owner is Owner.BOTH:
        assert found.schema is not None
        _check_revision(found.schema, found.revision)
        if filled := _filled_tables(session, found.schema):
            raise PreconditionFailed(
                f"the tables of the reference in the schema {found.schema!r} are not empty:"
                f" {', '.join(filled)}"
            )
        return Destination(found.schema, found.schema, found.guarded)
    if found.guarded is None or not exists(session, KEPT_REFERENCE, "account"):
        raise PreconditionFailed(f"there are no tables of the reference to fill: {MAKE_ROOM}")
    _check_revision(KEPT_REFERENCE, read_revision(session, KEPT_REFERENCE))
    return Destination(KEPT_REFERENCE, found.guarded, found.guarded)


def _check_revision(schema: str, revision: str | None) -> None:
    if revision != REFERENCE_REVISIONS[-1]:
        raise PreconditionFailed(
            f"the tables of the reference in the schema {schema!r} have its migration {revision};"
            f" this program can fill only those of {REFERENCE_REVISIONS[-1]}"
        )


def _filled_tables(session: OperatorSession, schema: str) -> list[str]:
    tables = [table for table in TABLES if table != "alembic_version"]
    questions = [
        session.statement(
            "out",
            "is_filled",
            table_name=sql.Literal(table),
            schema=sql.Identifier(schema),
            table=sql.Identifier(table),
        )
        for table in tables
    ]
    rows = session.connection.execute(sql.SQL(" UNION ALL ").join(questions)).fetchall()
    return [name for (name,) in rows]


def exists(session: OperatorSession, schema: str, table: str) -> bool:
    name = sql.Identifier(schema, table).as_string(session.connection)
    return bool(session.run("out", "exists", quoted_table=sql.Literal(name))[0][0])


def read_revision(session: OperatorSession, schema: str) -> str | None:
    """The last migration of the tables in a schema: all that are noted, if there are several."""
    if not exists(session, schema, "alembic_version"):
        return None
    revision: str | None = session.run("out", "revision", schema=sql.Identifier(schema))[0][0]
    return revision


def make_room(session: OperatorSession) -> str | None:
    """Move our tables, so that the reference can create its own. Workers wait for a moment.

    Returns the schema where there is room now, or None where there was. Raises
    `PreconditionFailed`, and `psycopg.Error`: then nothing has changed.
    """
    with session.one_at_a_time():
        found = discover(session.connection)
        if found.owner is Owner.BOTH and exists(session, BOOKS, "account_key"):
            return None
        if found.owner is not Owner.OURS:
            raise PreconditionFailed(f"{found}: cannot make room")
        if found.guarded is not None and exists(session, KEPT_REFERENCE, "account"):
            raise PreconditionFailed(
                f"the tables of the reference are in the schema {KEPT_REFERENCE!r}, and `move_out`"
                " will fill them again: no room is needed"
            )
        schema = found.schema
        assert schema is not None
        if schema == BOOKS and found.guarded is None:
            return None
        _check_our_version(session, schema)
        with session.connection.transaction():
            if schema != BOOKS:
                _move_books(session, schema)
            if found.guarded is not None:
                session.run_all("out", "drop_guard", schema=sql.Identifier(found.guarded))
        return found.guarded or schema


def _move_books(session: OperatorSession, schema: str) -> None:
    lock_tables(session, schema, OUR_TABLES)
    names = {"books": sql.Identifier(BOOKS), "quoted_books": sql.Literal(BOOKS)}
    session.run_all("out", "make_books", **names)
    session.set_path("pg_catalog")
    statements = session.run(
        "out",
        "changes_of_books",
        {"schema": schema, "tables": list(OUR_TABLES)},
        **names,
    )
    for (statement,) in statements:
        session.connection.execute(statement.encode())


_SECONDS_MAX: Final = 120.0
# Shorter than PostgreSQL's `deadlock_timeout`: holders of locks are terminated before.
_ATTEMPT_MILLISECONDS: Final = 400


def lock_tables(session: OperatorSession, schema: str, tables: Iterable[str]) -> None:
    """Lock tables exclusively, until the end of the transaction.

    Sessions of the same roles that hold locks are terminated: they reconnect, and then wait
    behind this one. Others are waited for. Raises `PreconditionFailed`.
    """
    end = monotonic() + _SECONDS_MAX
    for table in tables:
        patience = _ATTEMPT_MILLISECONDS
        while not _try_to_lock(session, schema, table, patience):
            patience = _make_way(session, schema, table, is_over=monotonic() > end)


def _try_to_lock(session: OperatorSession, schema: str, table: str, patience: int) -> bool:
    connection = session.connection
    connection.execute(f"SET LOCAL lock_timeout = {patience:d}")
    try:
        with connection.transaction():
            session.run_all(
                "reference_tables",
                "lock",
                schema=sql.Identifier(schema),
                table=sql.Identifier(table),
            )
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
        return False
    finally:
        if not connection.closed:
            connection.execute("SET LOCAL lock_timeout = 0")
    return True


def _make_way(session: OperatorSession, schema: str, table: str, *, is_over: bool) -> int:
    """Terminate the holders. Returns how long the next attempt may wait."""
    name = sql.Identifier(schema, table).as_string(session.connection)
    patience = _ATTEMPT_MILLISECONDS
    for holder in session.run("reference_tables", "end_holders", {"table": name}):
        if holder.is_vacuum:
            ((patience,),) = session.run("reference_tables", "patience")
        if not holder.is_ended and is_over:
            raise PreconditionFailed(
                f"the table {name} is locked by the session {holder.pid} of the role"
                f" {holder.role!r} ({holder.program or 'no name'}), which this role may not"
                " terminate"
            )
    if is_over:
        raise PreconditionFailed(f"could not lock the table {name} within {_SECONDS_MAX:g} s")
    return patience
