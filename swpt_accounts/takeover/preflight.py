"""What `move_in` or `move_out` would do, and what is still under way. Changes nothing."""

from dataclasses import dataclass
from typing import Final

from psycopg import sql

from swpt_accounts.db.operator_session import OperatorSession, PreconditionFailed
from swpt_accounts.db.schema_discovery import BOOKS, Found, discover
from swpt_accounts.settings import Settings
from swpt_accounts.takeover.checks import (
    bytes_needed,
    check_rows,
    check_structure,
    check_surroundings,
    define_functions,
    refuse_others,
    sizes_of,
)
from swpt_accounts.takeover.incompatibilities import Loss, find_harmless, find_losses
from swpt_accounts.takeover.move_out import bytes_needed_there, look_into_books
from swpt_accounts.takeover.reference_schema import ARCHIVE, OUTBOXES, QUEUES, TABLES
from swpt_accounts.takeover.root_configs import read_roots
from swpt_accounts.takeover.schemas import JOURNAL_TABLES, OUR_TABLES, Destination, find_destination

DIFFERENCES: Final = {
    "refused_config": "root accounts have a configuration that this program would refuse, if it"
    " was sent again. It stays in force",
    "rounded_rate": "accounts have an interest rate that the reference had rounded. It becomes the"
    " one of the root account at a scan, when its last change is old enough",
    "rounded_interest": "accounts have interest below 1e-20, which becomes 0",
    "root_below_limit": "root accounts are below what they may issue now: nothing can be issued"
    " until they are above it",
    "deleted_root": "root accounts are deleted: the fetch API tells no configuration of them",
    "small_balance": "accounts that are to be deleted have more than what is negligible: they stay",
}
"""What may be different afterwards, and how it is told, after its number."""

# Rows a second of benchmarks/moving.py, on two cores (docs/how-to/move-in.md).
_IN_ACCOUNTS_RATE: Final = 30_000
_IN_ARCHIVE_RATE: Final = 20_000


@dataclass(frozen=True, slots=True)
class MoveInSurvey:
    """What there is to be taken over. Times are guesses, in seconds."""

    found: Found
    rows_counts: dict[str, int]
    differences: dict[str, int]
    bytes_at_once: int
    bytes_later: int

    @property
    def seconds_at_once(self) -> float:
        """For how long no transfer will be possible."""
        rows = sum(n for table, n in self.rows_counts.items() if table != ARCHIVE)
        return 1 + rows / _IN_ACCOUNTS_RATE

    @property
    def seconds_later(self) -> float:
        """How long the archive will be copied, beside the work."""
        return self.rows_counts[ARCHIVE] / _IN_ARCHIVE_RATE


def survey_move_in(session: OperatorSession, settings: Settings) -> MoveInSurvey:
    """Look, and make the same checks as `move_in`. Raises `PreconditionFailed`, `psycopg.Error`."""
    found = discover(session.connection)
    refuse_others(found)
    assert found.schema is not None
    schema = found.schema
    check_structure(session, schema)
    check_surroundings(session, schema)
    with session.connection.transaction(force_rollback=True):
        define_functions(session)
        check_rows(session, schema, settings.realm)
        refused = read_roots(session, schema)
        (row,) = session.run("checks", "differences", reference=sql.Identifier(schema))
        counts = {table: count_rows(session, schema, table) for table in TABLES}
        at_once, later = bytes_needed(sizes_of(session, schema))
    differences = {"refused_config": refused, **row._asdict()}
    return MoveInSurvey(found, counts, {k: differences[k] for k in DIFFERENCES}, at_once, later)


def count_rows(session: OperatorSession, schema: str, table: str) -> int:
    """How many rows a table has."""
    ((count,),) = session.run(
        "reference_tables", "count", schema=sql.Identifier(schema), table=sql.Identifier(table)
    )
    return int(count)


@dataclass(frozen=True, slots=True)
class WorkUnderWay:
    """What has not come to its end: rows of queues and outboxes, and programs at work."""

    rows_counts: dict[str, int]
    sessions_count: int

    @property
    def is_calm(self) -> bool:
        """Whether there is nothing."""
        return self.sessions_count == 0 and not any(self.rows_counts.values())


def read_work_in_reference(session: OperatorSession) -> WorkUnderWay:
    """Look into a database of the reference. Raises `PreconditionFailed`, `psycopg.Error`."""
    found = discover(session.connection)
    refuse_others(found)
    assert found.schema is not None
    check_structure(session, found.schema)
    counts = {table: count_rows(session, found.schema, table) for table in (*QUEUES, *OUTBOXES)}
    ((sessions_count,),) = session.run("reference_tables", "sessions")
    return WorkUnderWay(counts, sessions_count)


_GOING_ON: Final = (*QUEUES, "unverified_transfer_request", *OUTBOXES, "returned_message")
_LEFT: Final = {
    *("alembic_version", "procedures_version", "move", "move_proof", "scan_pass"),
    *("account_key", "root_config", "handled_batch", "returned_line", "dead_letter_dealt_with"),
    *JOURNAL_TABLES,
}

_OUT_ACCOUNTS_RATE: Final = 40_000
_OUT_ARCHIVE_RATE: Final = 120_000
_OUT_LOCKED_RATE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class MoveOutSurvey:
    """What there is to be given back. Times are guesses, in seconds."""

    destination: Destination
    rows_counts: dict[str, int]
    losses: list[Loss]
    harmless: dict[str, int]
    bytes_needed: int

    @property
    def seconds_before(self) -> float:
        """How long the archive will be brought up to date, beside the work."""
        return self.rows_counts[ARCHIVE] / _OUT_ARCHIVE_RATE

    @property
    def seconds_at_once(self) -> float:
        """For how long no transfer will be possible."""
        rows = sum(n for table, n in self.rows_counts.items() if table != ARCHIVE)
        return 1 + rows / _OUT_ACCOUNTS_RATE + self.rows_counts[ARCHIVE] / _OUT_LOCKED_RATE


def survey_move_out(session: OperatorSession) -> MoveOutSurvey:
    """Make the same checks as `move_out`. Raises `PreconditionFailed`, `psycopg.Error`."""
    destination = _destination(session)
    look_into_books(session)
    counts = {
        table: count_rows(session, BOOKS, table) for table in OUR_TABLES if table not in _LEFT
    }
    return MoveOutSurvey(
        destination,
        counts,
        find_losses(session),
        find_harmless(session),
        bytes_needed_there(session, destination),
    )


def read_work_in_books(session: OperatorSession) -> WorkUnderWay:
    """Look into a database of ours. Raises `PreconditionFailed`, `psycopg.Error`."""
    _destination(session)
    counts = {table: count_rows(session, BOOKS, table) for table in _GOING_ON}
    ((sessions_count,),) = session.run("out", "own_sessions")
    return WorkUnderWay(counts, sessions_count)


def _destination(session: OperatorSession) -> Destination:
    destination = find_destination(session)
    if destination is None:
        raise PreconditionFailed("the database has been given back before")
    return destination
