"""Brings the reference's archive up to date, beside the working program, before a move out."""

from time import sleep
from typing import Final

from psycopg import sql

from swpt_accounts.core.progress import Progress
from swpt_accounts.db.operator_session import OperatorSession, PreconditionFailed
from swpt_accounts.takeover.reference_schema import ARCHIVE

_PAGES_AT_ONCE: Final = 500
_PAUSE_SECONDS: Final = 0.05


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
            raise PreconditionFailed("rows of the archive do not arrive in the reference's")


def _find_missing(session: OperatorSession, schema: str, since: str, progress: Progress) -> int:
    """Returns how many pages of rows are missing."""
    ((total,),) = session.run("out", "archive_pages", table=sql.Literal(ARCHIVE))
    progress.begin("pages of the archive, compared beside the work", total)
    session.run_all(
        "out", "find_missing", reference=sql.Identifier(schema), since=sql.Literal(since)
    )
    ((pages_count,),) = session.run("out", "archive_pages", table=sql.Literal("missing_change"))
    progress.note(total)
    progress.end()
    return int(pages_count)


def _copy_missing(session: OperatorSession, schema: str, progress: Progress) -> None:
    ((pages_count,),) = session.run("out", "archive_pages", table=sql.Literal("missing_change"))
    progress.begin("pages of the archive, copied beside the work", pages_count)
    for first in range(0, pages_count, _PAGES_AT_ONCE):
        end = min(first + _PAGES_AT_ONCE, pages_count)
        pages = {"first_page": first, "end_page": end}
        session.run("out", "copy_missing", pages, reference=sql.Identifier(schema))
        progress.note(end)
        if end < pages_count:
            sleep(_PAUSE_SECONDS)
    progress.end()
