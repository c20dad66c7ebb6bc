"""Copies the archive of balance changes in parts, while the program or the reference works."""

from time import sleep
from typing import Final

import psycopg
from psycopg import sql

from swpt_accounts.core.formatting import plural
from swpt_accounts.core.progress import Progress
from swpt_accounts.db.installer import procedures_schema
from swpt_accounts.db.operator_session import OperatorSession, PreconditionFailed
from swpt_accounts.db.procedures import COPY_OLDER_BALANCE_CHANGES
from swpt_accounts.db.schema_discovery import KEPT_REFERENCE, TABLES_PATH
from swpt_accounts.settings import Settings
from swpt_accounts.takeover.reference_schema import ARCHIVE

_PAGES_AT_ONCE: Final = 500
_PAUSE_SECONDS: Final = 0.05


class ArchiveIncompleteError(Exception):
    """Rows of the reference's archive are missing in ours, though all have been copied."""


def copy_archive(session: OperatorSession, settings: Settings, progress: Progress) -> int | None:
    """Copy what is left; may be ended and begun again at any time.

    Returns how many pages there were, or None when it has been done before. Raises
    `ArchiveIncompleteError`, `psycopg.Error`.
    """
    connection = session.connection
    path = f"{procedures_schema()}, {TABLES_PATH}"
    connection.execute(sql.SQL("SET search_path = {}").format(sql.SQL(path)))
    total: int | None = None
    while True:
        copied, pages_count = _copy_some(connection)
        if pages_count == 0:
            break
        if total is None:
            total = pages_count
            progress.begin("pages of the archive to copy", total)
        progress.note(copied)
        if copied == pages_count:
            break
        sleep(_PAUSE_SECONDS)
    if total is None:
        return None
    progress.end()
    _check_archive(session, settings)
    return total


def _copy_some(connection: psycopg.Connection[tuple[int, int]]) -> tuple[int, int]:
    procedure = COPY_OLDER_BALANCE_CHANGES
    row = connection.execute(procedure.statement, {"pages_max": _PAGES_AT_ONCE}).fetchone()
    assert row is not None, "a procedure returns a row"
    return row


def _check_archive(session: OperatorSession, settings: Settings) -> None:
    ((missing,),) = session.run(
        "proof",
        "missing_in_archive",
        {"threshold_ts": settings.remove_from_archive_threshold_date},
        reference=sql.Identifier(KEPT_REFERENCE),
    )
    if missing:
        raise ArchiveIncompleteError(
            f"the copied archive lacks {plural(missing, 'row')} of the reference's: keep the tables"
            " of the reference"
        )


def bring_archive_up_to_date(
    session: OperatorSession, schema: str, since: str, progress: Progress
) -> None:
    """Copy what is applied, and missing in the reference's.

    Raises `PreconditionFailed`, `psycopg.Error`.

    Both are compared as a whole, before and after: that is quicker than to look for each row.
    Afterwards nothing is missing but what is written by the transaction `since`, or later ones.
    """
    if _find_missing(session, schema, since, progress):
        _copy_missing(session, schema, progress)
        if _find_missing(session, schema, since, progress):
            raise PreconditionFailed(
                "rows of the archive are still missing in the reference's after copying"
            )


def _find_missing(session: OperatorSession, schema: str, since: str, progress: Progress) -> int:
    """Returns how many pages of rows are missing."""
    ((total,),) = session.run("out", "archive_pages", table=sql.Literal(ARCHIVE))
    progress.begin("pages of the archive to compare", total)
    session.run_all(
        "out", "find_missing", reference=sql.Identifier(schema), since=sql.Literal(since)
    )
    ((pages_count,),) = session.run("out", "archive_pages", table=sql.Literal("missing_change"))
    progress.note(total)
    progress.end()
    return int(pages_count)


def _copy_missing(session: OperatorSession, schema: str, progress: Progress) -> None:
    ((pages_count,),) = session.run("out", "archive_pages", table=sql.Literal("missing_change"))
    progress.begin("pages of the archive to copy", pages_count)
    for first in range(0, pages_count, _PAGES_AT_ONCE):
        end = min(first + _PAGES_AT_ONCE, pages_count)
        pages = {"first_page": first, "end_page": end}
        session.run("out", "copy_missing", pages, reference=sql.Identifier(schema))
        progress.note(end)
        if end < pages_count:
            sleep(_PAUSE_SECONDS)
    progress.end()
