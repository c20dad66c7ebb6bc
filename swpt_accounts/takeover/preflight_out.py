"""What a move out would do, and what is under way: nothing is changed, and nobody is held up."""

from dataclasses import dataclass
from typing import Final

from swpt_accounts.db.operator_session import OperatorSession, PreconditionFailed
from swpt_accounts.db.schema_discovery import BOOKS
from swpt_accounts.takeover.books import JOURNAL_TABLES, OUR_TABLES, Destination, find_destination
from swpt_accounts.takeover.incompatibilities import Loss, find_harmless, find_losses
from swpt_accounts.takeover.move_out import bytes_needed_there, look_into_books
from swpt_accounts.takeover.preflight import UnderWay, count_rows
from swpt_accounts.takeover.reference_schema import ARCHIVE, QUEUES, REFERENCE_OUTBOXES

_GOING_ON: Final = (*QUEUES, "unverified_transfer_request", *REFERENCE_OUTBOXES, "returned_message")
_LEFT: Final = {
    *("alembic_version", "procedures_version", "move", "move_proof", "scan_pass"),
    *("account_key", "root_config", "handled_batch", "returned_line", "dead_letter_dealt_with"),
    *JOURNAL_TABLES,
}

# Rows a second of benchmarks/moving.py, on two cores (docs/how-to/move-in.md).
_ACCOUNTS_RATE: Final = 40_000
_ARCHIVE_RATE: Final = 120_000
_LOCKED_ARCHIVE_RATE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class SurveyOut:
    """What there is to be given back. Times are guesses, in seconds."""

    destination: Destination
    rows_counts: dict[str, int]
    losses: list[Loss]
    harmless: dict[str, int]
    bytes_needed: int

    @property
    def seconds_before(self) -> float:
        """How long the archive will be brought up to date, beside the work."""
        return self.rows_counts[ARCHIVE] / _ARCHIVE_RATE

    @property
    def seconds_at_once(self) -> float:
        """For how long no transfer will be possible."""
        rows = sum(n for table, n in self.rows_counts.items() if table != ARCHIVE)
        return 1 + rows / _ACCOUNTS_RATE + self.rows_counts[ARCHIVE] / _LOCKED_ARCHIVE_RATE


def survey_out(session: OperatorSession) -> SurveyOut:
    """Make the same checks as `move_out`. Raises `PreconditionFailed`, `psycopg.Error`."""
    destination = _destination(session)
    look_into_books(session)
    counts = {
        table: count_rows(session, BOOKS, table) for table in OUR_TABLES if table not in _LEFT
    }
    return SurveyOut(
        destination,
        counts,
        find_losses(session),
        find_harmless(session),
        bytes_needed_there(session, destination),
    )


def look_what_is_under_way_here(session: OperatorSession) -> UnderWay:
    """Look into a database of ours. Raises `PreconditionFailed`, `psycopg.Error`."""
    _destination(session)
    counts = {table: count_rows(session, BOOKS, table) for table in _GOING_ON}
    ((sessions_count,),) = session.run("out", "own_sessions")
    return UnderWay(counts, sessions_count)


def _destination(session: OperatorSession) -> Destination:
    destination = find_destination(session)
    if destination is None:
        raise PreconditionFailed("the database has been given back before")
    return destination
