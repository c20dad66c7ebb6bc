"""Copies the rest of the reference's archive, beside the working program, and checks it."""

from time import sleep
from typing import Final

import psycopg
from psycopg import sql

from swpt_accounts.core.progress import Progress
from swpt_accounts.db.installer import procedures_schema
from swpt_accounts.db.operator_session import OperatorSession
from swpt_accounts.db.procedures import COPY_OLDER_BALANCE_CHANGES
from swpt_accounts.db.schema_discovery import KEPT_REFERENCE, TABLES_PATH
from swpt_accounts.settings import Settings

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
            progress.begin("pages of the archive, copied beside the work", total)
        progress.note(copied)
        if copied == pages_count:
            break
        sleep(_PAUSE_SECONDS)
    if total is None:
        return None
    progress.end()
    _check(session, settings)
    return total


def _copy_some(connection: psycopg.Connection[tuple[int, int]]) -> tuple[int, int]:
    procedure = COPY_OLDER_BALANCE_CHANGES
    row = connection.execute(procedure.statement, {"pages_max": _PAGES_AT_ONCE}).fetchone()
    assert row is not None, "a procedure returns a row"
    return row


def _check(session: OperatorSession, settings: Settings) -> None:
    ((missing,),) = session.run(
        "proof",
        "missing_in_archive",
        {"threshold_ts": settings.remove_from_archive_threshold_date},
        reference=sql.Identifier(KEPT_REFERENCE),
    )
    if missing:
        raise ArchiveIncompleteError(
            f"{missing} rows of the reference's archive are missing in ours: its tables have to"
            " stay"
        )
