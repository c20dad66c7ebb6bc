"""What a move would do, and what is under way: nothing is changed, and nobody is held up."""

from dataclasses import dataclass
from typing import Final

from psycopg import sql

from swpt_accounts.db.operator_session import OperatorSession
from swpt_accounts.db.schema_discovery import Found, look
from swpt_accounts.settings import Settings
from swpt_accounts.takeover.disk_space import bytes_needed
from swpt_accounts.takeover.reference_schema import ARCHIVE, QUEUES, REFERENCE_OUTBOXES, TABLES
from swpt_accounts.takeover.root_configs import read_roots
from swpt_accounts.takeover.structure_checks import (
    check_rows,
    check_structure,
    check_surroundings,
    define_functions,
    refuse_others,
    sizes_of,
)

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
_ACCOUNTS_RATE: Final = 30_000
_ARCHIVE_RATE: Final = 20_000


@dataclass(frozen=True, slots=True)
class Survey:
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
        return 1 + rows / _ACCOUNTS_RATE

    @property
    def seconds_later(self) -> float:
        """How long the archive will be copied, beside the work."""
        return self.rows_counts[ARCHIVE] / _ARCHIVE_RATE


def survey(session: OperatorSession, settings: Settings) -> Survey:
    """Look, and make the same checks as `move_in`. Raises `PreconditionFailed`, `psycopg.Error`."""
    found = look(session.connection)
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
    return Survey(found, counts, {k: differences[k] for k in DIFFERENCES}, at_once, later)


def count_rows(session: OperatorSession, schema: str, table: str) -> int:
    """How many rows a table has."""
    ((count,),) = session.run(
        "reference_tables", "count", schema=sql.Identifier(schema), table=sql.Identifier(table)
    )
    return int(count)


@dataclass(frozen=True, slots=True)
class UnderWay:
    """What has not come to its end: rows of queues and outboxes, and programs at work."""

    rows_counts: dict[str, int]
    sessions_count: int

    @property
    def is_calm(self) -> bool:
        """Whether there is nothing."""
        return self.sessions_count == 0 and not any(self.rows_counts.values())


def look_what_is_under_way(session: OperatorSession) -> UnderWay:
    """Look into a database of the reference. Raises `PreconditionFailed`, `psycopg.Error`."""
    found = look(session.connection)
    refuse_others(found)
    assert found.schema is not None
    check_structure(session, found.schema)
    counts = {
        table: count_rows(session, found.schema, table) for table in (*QUEUES, *REFERENCE_OUTBOXES)
    }
    ((sessions_count,),) = session.run("reference_tables", "sessions")
    return UnderWay(counts, sessions_count)
