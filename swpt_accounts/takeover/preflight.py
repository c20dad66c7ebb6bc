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
from swpt_accounts.takeover.incompatibilities import Kind, Loss, find_harmless, find_losses
from swpt_accounts.takeover.move_out import bytes_needed_there, look_into_books
from swpt_accounts.takeover.reference_schema import ARCHIVE, QUEUES, REFERENCE_OUTBOXES, TABLES
from swpt_accounts.takeover.root_configs import read_roots
from swpt_accounts.takeover.schemas import JOURNAL_TABLES, OUR_TABLES, Destination, find_destination

DIFFERENCES: Final[dict[str, Kind]] = {
    "refused_config": (
        "root account",
        (
            "with a configuration that this program would reject if it was sent again. It stays in"
            " force"
        ),
    ),
    "rounded_rate": (
        "account",
        (
            "with an interest rate that the reference has rounded. A scan sets the rate of the root"
            " account, once the last change is old enough"
        ),
    ),
    "rounded_interest": ("account", "with interest below 1e-20, which becomes 0"),
    "root_below_limit": (
        "root account",
        "below its issuing limit: nothing can be issued until it is above the limit",
    ),
    "deleted_root": ("deleted root account", "without a configuration in the fetch API"),
    "small_balance": (
        "account",
        "scheduled for deletion, with more than the negligible amount: not to be deleted",
    ),
}
"""What may be different afterwards."""

# Rows a second of benchmarks/moving.py, on two cores (docs/how-to/move-in.md).
_IN_ACCOUNTS_RATE: Final = 30_000
_IN_ARCHIVE_RATE: Final = 20_000


@dataclass(frozen=True, slots=True)
class MoveInSurvey:
    """What would be taken over. Durations are estimates, in seconds."""

    found: Found
    rows_counts: dict[str, int]
    differences: dict[str, int]
    bytes_at_once: int
    bytes_later: int

    @property
    def seconds_at_once(self) -> float:
        """How long transfers would be blocked."""
        rows = sum(n for table, n in self.rows_counts.items() if table != ARCHIVE)
        return 1 + rows / _IN_ACCOUNTS_RATE

    @property
    def seconds_later(self) -> float:
        """How long copying the archive would take, during normal operation."""
        return self.rows_counts[ARCHIVE] / _IN_ARCHIVE_RATE


def survey_move_in(session: OperatorSession, settings: Settings) -> MoveInSurvey:
    """Run the checks of `move_in`. Raises `PreconditionFailed`, `psycopg.Error`."""
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
    ((count,),) = session.run(
        "reference_tables", "count", schema=sql.Identifier(schema), table=sql.Identifier(table)
    )
    return int(count)


@dataclass(frozen=True, slots=True)
class WorkUnderWay:
    """Unfinished work: rows of queues and outboxes, and sessions of other programs."""

    rows_counts: dict[str, int]
    sessions_count: int

    @property
    def is_calm(self) -> bool:
        return self.sessions_count == 0 and not any(self.rows_counts.values())


def read_work_in_reference(session: OperatorSession) -> WorkUnderWay:
    """In a database of the reference. Raises `PreconditionFailed`, `psycopg.Error`."""
    found = discover(session.connection)
    refuse_others(found)
    assert found.schema is not None
    check_structure(session, found.schema)
    counts = {
        table: count_rows(session, found.schema, table) for table in (*QUEUES, *REFERENCE_OUTBOXES)
    }
    ((sessions_count,),) = session.run("reference_tables", "sessions")
    return WorkUnderWay(counts, sessions_count)


_GOING_ON: Final = (*QUEUES, "unverified_transfer_request", *REFERENCE_OUTBOXES, "returned_message")
_LEFT: Final = {
    *("alembic_version", "procedures_version", "move", "move_proof", "scan_pass", "shard"),
    "older_senders",
    *("account_key", "root_config", "handled_batch", "returned_line", "dead_letter_dealt_with"),
    *JOURNAL_TABLES,
}

_OUT_ACCOUNTS_RATE: Final = 40_000
_OUT_ARCHIVE_RATE: Final = 120_000
_OUT_LOCKED_RATE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class MoveOutSurvey:
    """What would be given back. Durations are estimates, in seconds."""

    destination: Destination
    rows_counts: dict[str, int]
    losses: list[Loss]
    harmless: dict[str, int]
    bytes_needed: int

    @property
    def seconds_before(self) -> float:
        """How long updating the archive would take, during normal operation."""
        return self.rows_counts[ARCHIVE] / _OUT_ARCHIVE_RATE

    @property
    def seconds_at_once(self) -> float:
        """How long transfers would be blocked."""
        rows = sum(n for table, n in self.rows_counts.items() if table != ARCHIVE)
        return 1 + rows / _OUT_ACCOUNTS_RATE + self.rows_counts[ARCHIVE] / _OUT_LOCKED_RATE


def survey_move_out(session: OperatorSession) -> MoveOutSurvey:
    """Run the checks of `move_out`. Raises `PreconditionFailed`, `psycopg.Error`."""
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
    """In a database of this program. Raises `PreconditionFailed`, `psycopg.Error`."""
    _destination(session)
    counts = {table: count_rows(session, BOOKS, table) for table in _GOING_ON}
    ((sessions_count,),) = session.run("out", "own_sessions")
    return WorkUnderWay(counts, sessions_count)


def _destination(session: OperatorSession) -> Destination:
    destination = find_destination(session)
    if destination is None:
        raise PreconditionFailed("the database has already been given back")
    return destination
