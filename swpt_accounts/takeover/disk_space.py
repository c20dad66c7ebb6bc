"""Is there room on the disk of the server? Nobody can ask it: room is taken, and given back."""

from collections.abc import Callable
from typing import Final

import psycopg

from swpt_accounts.db.operator_session import OperatorSession, PreconditionFailed
from swpt_accounts.takeover.reference_schema import ARCHIVE
from swpt_accounts.takeover.structure_checks import TableSize

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
