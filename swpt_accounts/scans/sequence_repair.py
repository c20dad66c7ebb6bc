"""After a restore that has lost commits, advances the numbers of accounts past those sent before.

The restored database would assign numbers a second time, and owners would ignore the messages that
have them; and they ignore an AccountUpdate that is older than one which they know.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.db.procedures import (
    COUNT_OUTRUN_ACCOUNTS,
    MEND_OUTRUN_ACCOUNTS,
    PURGE_ACCOUNTS,
    TABLE_PAGES,
    Procedure,
)
from swpt_accounts.scans.accounts import deleted_for_min
from swpt_accounts.settings import Settings

NAME: Final = "mend_gap"
_PAGES_COUNT_MAX: Final = 100
_PASSES_COUNT_MAX: Final = 100


class RepairRefused(Exception):
    """The repair is not possible now. The text says why, in a line."""


class SequenceRepair:
    """Of a database that may know less than was reported to peers until a moment."""

    def __init__(
        self, connection: DatabaseConnection, settings: Settings, reported_until: datetime
    ) -> None:
        self._connection = connection
        self._reported_until = reported_until
        self._realm = settings.realm.parameters
        self._deleted_for_min: timedelta = deleted_for_min(settings)

    def check_clock(self) -> None:
        """Raise `RepairRefused` where the database could give out the moments of the gap again."""
        row = self._connection.raw.execute("SELECT clock_timestamp()").fetchone()
        assert row is not None
        if row[0] <= self._reported_until:
            raise RepairRefused(
                f"the clock of the database is at {row[0].isoformat()}, which is not after"
                " --told-until: set the right moment, or the clock, or wait"
            )

    def count(self) -> int:
        """How many accounts may know less than their owners."""
        return sum(self._call_all(COUNT_OUTRUN_ACCOUNTS))

    def mend(self) -> int:
        """Advance their numbers. Returns how many accounts were changed.

        Each part is a transaction. Can be stopped, and done again.
        """
        # Owners may have received the purge, and messages of an account that was opened after it.
        for pages in self._pages():
            self._connection.call(
                PURGE_ACCOUNTS, **pages, deleted_for_min=self._deleted_for_min, **self._realm
            )
        # A row that was moved to a page visited before is found by the next pass.
        count = 0
        for _ in range(_PASSES_COUNT_MAX):
            mended = sum(self._call_all(MEND_OUTRUN_ACCOUNTS))
            if not mended:
                return count
            count += mended
        raise RepairRefused("accounts are changed without end: stop all services first")

    def _call_all(self, procedure: Procedure) -> Iterator[int]:
        for pages in self._pages():
            yield self._connection.call_value(
                procedure, **pages, told_until=self._reported_until, **self._realm
            )

    def _pages(self) -> Iterator[dict[str, int]]:
        end = self._connection.call_value(TABLE_PAGES, table="account")
        for first in range(0, end, _PAGES_COUNT_MAX):
            yield {"first_page": first, "end_page": min(first + _PAGES_COUNT_MAX, end)}


@contextmanager
def open_repair(settings: Settings, reported_until: datetime) -> Iterator[SequenceRepair]:
    """Connect. Raises `psycopg.Error`."""
    connection = connect(settings, NAME)
    try:
        yield SequenceRepair(connection, settings, reported_until)
    finally:
        connection.close()
