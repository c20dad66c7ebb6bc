"""Checks whether the database of the reference can be taken over. Changes nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import psycopg
from psycopg import sql

from swpt_accounts.core.formatting import plural
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
"""How many invalid rows are reported."""


@dataclass(frozen=True, slots=True)
class TableSize:
    """How large a table is. The rows are those of the planner's statistics."""

    rows_count: int
    pages_count: int
    bytes_count: int


def refuse_others(found: Found) -> None:
    """Raise `PreconditionFailed` unless the database of the reference can be taken over."""
    match found.owner:
        case Owner.REFERENCE:
            return
        case Owner.OLD_REFERENCE:
            advice = "first run `configure` of the latest release of the reference"
        case Owner.UNKNOWN:
            advice = (
                "this program supports the migrations of the reference up to"
                f" {REFERENCE_REVISIONS[-1]}"
            )
        case Owner.NOBODY:
            advice = "check POSTGRES_URL"
        case Owner.OURS:
            advice = "there is nothing to take over"
        case Owner.SEVERAL:
            advice = "drop the others, or revoke the privilege to read them"
        case Owner.BOTH:
            advice = "drop the unwanted ones"
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
        reason = f"the database encoding is {found.encoding}; it must be UTF8"
    elif not found.has_options or found.pid != session.connection.info.backend_pid:
        reason = "the connection goes through a connection pooler: connect directly to PostgreSQL"
    elif found.is_read_only:
        reason = "the database, or the server, is read-only (default_transaction_read_only)"
    elif found.others_tables:
        reason = f"this role does not own the tables {found.others_tables} in {schema!r}"
    elif not found.may_create:
        reason = f"this role may not create schemas in this database, or tables in {schema!r}"
    elif found.taken:
        reason = f"the schema {found.taken!r} already has tables: drop it, or rename it"
    if reason:
        raise PreconditionFailed(reason)


def check_structure(session: OperatorSession, schema: str) -> None:
    """All tables and columns are there. Raises `PreconditionFailed`."""
    there = {tuple(row) for row in session.run("reference_tables", "columns", _named(schema))}
    wanted = {(table, column) for table in TABLES for column in COLUMNS[table].split()}
    if missing := sorted(wanted - there):
        names = ", ".join(".".join(names) for names in missing[:10])
        raise PreconditionFailed(
            f"the schema {schema!r} lacks {plural(len(missing), 'column')} of the reference:"
            f" {names}"
        )


def define_functions(session: OperatorSession) -> None:
    """What the checks call, for this session only: the database may not have our procedures."""
    connection = session.connection
    connection.execute("SET LOCAL check_function_bodies = off")
    session.set_path("pg_temp")
    for subject in ("ids", "reference_values"):
        connection.execute(read_sql(subject).encode())
    session.set_path("pg_catalog")


def find_invalid_rows(session: OperatorSession, schema: str) -> list[tuple[str, str, str]]:
    """The invalid rows: table, key, reason. At most `PROBLEMS_MAX` and one more."""
    found: list[tuple[str, str, str]] = []
    for name in _CHECKS:
        check = session.statement("checks", name, reference=sql.Identifier(schema))
        statement = sql.SQL(
            "SELECT * FROM ({}) AS c (table_name, row, reason) WHERE reason <> '' LIMIT {}"
        ).format(check, PROBLEMS_MAX + 1)
        found += session.connection.execute(statement, {}).fetchall()
    return list(islice(found, PROBLEMS_MAX + 1))


def check_rows(session: OperatorSession, schema: str, realm: Realm) -> None:
    """All rows are valid, and belong to this shard. Raises `PreconditionFailed`."""
    foreign = session.run(
        "checks", "foreign_rows", realm.parameters, reference=sql.Identifier(schema)
    )
    if foreign:
        lines = [f"{r.table_name}: {r.rows_count}, for example {r.example}" for r in foreign]
        raise PreconditionFailed(
            f"some rows do not belong to the shard {realm} (PROTOCOL_BROKER_QUEUE_ROUTING_KEY):"
            " first finish the split and flush all messages, with the reference\n"
            + _indented(lines)
        )
    if problems := find_invalid_rows(session, schema):
        lines = [f"{table}, {row}: {reason}" for table, row, reason in problems[:PROBLEMS_MAX]]
        if len(problems) > PROBLEMS_MAX:
            lines.append("…")
        raise PreconditionFailed("some rows are invalid\n" + _indented(lines))


def sizes_of(session: OperatorSession, schema: str) -> dict[str, TableSize]:
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
            f"the database server has less than {bytes_count // MIB:,} MiB of free disk space:"
            f" {error.diag.message_primary}"
        ) from None
