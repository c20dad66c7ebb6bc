"""Checks whether the database of the reference can be taken over. Changes nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import psycopg
from psycopg import sql

from swpt_accounts.core.realm import Realm
from swpt_accounts.db.installer import read_sql
from swpt_accounts.db.operator_session import OperatorSession, PreconditionFailed
from swpt_accounts.db.schema_discovery import (
    BOOKS,
    KEPT_REFERENCE,
    REFERENCE_REVISIONS,
    Found,
    Owner,
)
from swpt_accounts.takeover.reference_schema import ARCHIVE, COLUMNS, TABLES

_CHECKS: Final = (
    *("accounts", "prepared_transfers", "balance_changes", "archive", "requests", "outboxes"),
)
PROBLEMS_MAX: Final = 100
"""How many impossible rows are told."""


@dataclass(frozen=True, slots=True)
class TableSize:
    """How large a table is. The rows are those of the planner's statistics."""

    rows_count: int
    pages_count: int
    bytes_count: int


def refuse_others(found: Found) -> None:
    """Raise `PreconditionFailed` for all but a database of the reference that can be taken over."""
    match found.owner:
        case Owner.REFERENCE:
            return
        case Owner.OLD_REFERENCE:
            advice = "run `configure` of the latest release of the reference first"
        case Owner.UNKNOWN:
            advice = (
                "this program knows the migrations of the reference only up to"
                f" {REFERENCE_REVISIONS[-1]}"
            )
        case Owner.NOBODY:
            advice = "is it the right one? (POSTGRES_URL)"
        case Owner.OURS:
            advice = "there is nothing to be taken over"
        case Owner.SEVERAL:
            advice = "drop those that are not meant, or revoke the right to read them"
        case Owner.BOTH:
            advice = "drop those that are not wanted"
    raise PreconditionFailed(f"{found}: {advice}")


def check_surroundings(
    session: OperatorSession, schema: str, wanted_schemas: tuple[str, ...] = (BOOKS, KEPT_REFERENCE)
) -> None:
    """The server, and the rights of the role, allow it, and nothing is in the wanted schemas.

    Raises `PreconditionFailed`.
    """
    wanted = {**_named(schema), "wanted": list(wanted_schemas)}
    (found,) = session.run("reference_tables", "surroundings", wanted)
    reason = None
    if found.encoding != "UTF8":
        reason = f"the encoding of the database is {found.encoding}: it has to be UTF8"
    elif not found.has_options or found.pid != session.connection.info.backend_pid:
        reason = "there is a connection pooler between: connect to PostgreSQL itself"
    elif found.is_read_only:
        reason = "the database, or the server, is read-only (default_transaction_read_only)"
    elif found.others_tables:
        reason = f"this role does not own the tables {found.others_tables} in {schema!r}"
    elif not found.may_create:
        reason = f"this role may make no schemas in this database, or no tables in {schema!r}"
    elif found.taken:
        reason = f"there are tables in the schema {found.taken!r} already: drop it, or rename it"
    if reason:
        raise PreconditionFailed(reason)


def check_structure(session: OperatorSession, schema: str) -> None:
    """All tables and columns are there. Raises `PreconditionFailed`."""
    there = {tuple(row) for row in session.run("reference_tables", "columns", _named(schema))}
    wanted = {(table, column) for table in TABLES for column in COLUMNS[table].split()}
    if missing := sorted(wanted - there):
        names = ", ".join(".".join(names) for names in missing[:10])
        raise PreconditionFailed(
            f"{len(missing)} columns of the reference are missing in the schema {schema!r}: {names}"
        )


def define_functions(session: OperatorSession) -> None:
    """What the checks call, for this session only: the database may not have our procedures."""
    connection = session.connection
    connection.execute("SET LOCAL check_function_bodies = off")
    session.set_path("pg_temp")
    for subject in ("ids", "reference_values"):
        connection.execute(read_sql(subject).encode())
    session.set_path("pg_catalog")


def find_impossible_rows(session: OperatorSession, schema: str) -> list[tuple[str, str, str]]:
    """The rows that cannot be: table, key, reason. At most `PROBLEMS_MAX` and one more."""
    found: list[tuple[str, str, str]] = []
    for name in _CHECKS:
        check = session.statement("checks", name, reference=sql.Identifier(schema))
        statement = sql.SQL(
            "SELECT * FROM ({}) AS c (table_name, row, reason) WHERE reason <> '' LIMIT {}"
        ).format(check, PROBLEMS_MAX + 1)
        found += session.connection.execute(statement, {}).fetchall()
    return list(islice(found, PROBLEMS_MAX + 1))


def check_rows(session: OperatorSession, schema: str, realm: Realm) -> None:
    """No row is impossible, or belongs to another shard. Raises `PreconditionFailed`."""
    foreign = session.run(
        "checks", "foreign_rows", realm.parameters, reference=sql.Identifier(schema)
    )
    if foreign:
        lines = [f"{r.table_name}: {r.rows_count}, for example of {r.example}" for r in foreign]
        raise PreconditionFailed(
            f"there are rows that do not belong to the shard {realm}"
            " (PROTOCOL_BROKER_QUEUE_ROUTING_KEY): with the reference, finish the split, and flush"
            " all messages, before\n" + _indented(lines)
        )
    if problems := find_impossible_rows(session, schema):
        lines = [f"{table}, {row}: {reason}" for table, row, reason in problems[:PROBLEMS_MAX]]
        if len(problems) > PROBLEMS_MAX:
            lines.append("and more")
        raise PreconditionFailed("there are rows that cannot be\n" + _indented(lines))


def sizes_of(session: OperatorSession, schema: str) -> dict[str, TableSize]:
    """How large the reference's tables are."""
    rows = session.run("reference_tables", "sizes", _named(schema))
    return {row[0]: TableSize(*row[1:]) for row in rows}


def _named(schema: str) -> dict[str, Any]:
    return {"schema": schema, "tables": list(TABLES)}


def _indented(lines: list[str]) -> str:
    return "\n".join(f"  {line}" for line in lines)


MIB: Final = 2**20
TRIED_BYTES_MAX: Final = 8 * 1024 * MIB
"""More is not tried: it would take too long."""

_STEP_PAGES: Final = 4096
_PAGE_BYTES: Final = 8192
# Our rows need up to twice the room (half of a page of accounts is left free), and as much
# again is written ahead.
_FACTOR: Final = 4
_BYTES_MIN: Final = 16 * MIB


def bytes_needed(sizes: dict[str, TableSize]) -> tuple[int, int]:
    """How much is needed at once, and later, for the archive."""
    at_once = sum(size.bytes_count for table, size in sizes.items() if table != ARCHIVE)
    return max(_FACTOR * at_once, _BYTES_MIN), sizes[ARCHIVE].bytes_count


def try_disk(session: OperatorSession, bytes_count: int, note: Callable[[int], None]) -> None:
    """Allocate so much, and free it. `note` gets the bytes. Raises `PreconditionFailed`."""
    tried = min(bytes_count, TRIED_BYTES_MAX)
    try:
        with session.connection.transaction(force_rollback=True):
            session.run_all("reference_tables", "make_filler")
            for start in range(0, tried // _PAGE_BYTES, _STEP_PAGES):
                session.run("reference_tables", "fill", {"pages_count": _STEP_PAGES})
                note(min((start + _STEP_PAGES) * _PAGE_BYTES, tried))
    except psycopg.errors.DiskFull as error:
        raise PreconditionFailed(
            f"the disk of the database server has no room for {bytes_count // MIB:,} MiB more:"
            f" {error.diag.message_primary}"
        ) from None
