"""After a restore that has lost commits, accounts go on above all that their owners were told.

The restored database would give out numbers a second time, and their owners would ignore what has
them; and they ignore an AccountUpdate that is older than one which they know.
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


class GapRefused(Exception):
    """It cannot be mended now. The text says why, in a line."""


class Gap:
    """What peers were told until a moment, and a database that may know less."""

    def __init__(
        self, connection: DatabaseConnection, settings: Settings, told_until: datetime
    ) -> None:
        self._connection = connection
        self._told_until = told_until
        self._realm = settings.realm.parameters
        self._deleted_for_min: timedelta = deleted_for_min(settings)

    def check_clock(self) -> None:
        """Raise `GapRefused` where the database could give out the moments of the gap again."""
        row = self._connection.raw.execute("SELECT clock_timestamp()").fetchone()
        assert row is not None
        if row[0] <= self._told_until:
            raise GapRefused(
                f"the clock of the database is at {row[0].isoformat()}, which is not after"
                " --told-until: set the right moment, or the clock, or wait"
            )

    def count(self) -> int:
        """How many accounts may know less than their owners."""
        return sum(self._call_all(COUNT_OUTRUN_ACCOUNTS))

    def mend(self) -> int:
        """Let them go on above what was told. Returns how many they were.

        Each part is a transaction. Can be stopped, and done again.
        """
        # Their owners may have been told of the purge, and of an account that was opened after it.
        for pages in self._pages():
            self._connection.call(
                PURGE_ACCOUNTS, **pages, deleted_for_min=self._deleted_for_min, **self._realm
            )
        # A row that somebody moves to a page where we have been is found by the next pass.
        count = 0
        for _ in range(_PASSES_COUNT_MAX):
            mended = sum(self._call_all(MEND_OUTRUN_ACCOUNTS))
            if not mended:
                return count
            count += mended
        raise GapRefused("accounts are changed without end: stop all services first")

    def _call_all(self, procedure: Procedure) -> Iterator[int]:
        for pages in self._pages():
            yield self._connection.call_value(
                procedure, **pages, told_until=self._told_until, **self._realm
            )

    def _pages(self) -> Iterator[dict[str, int]]:
        end = self._connection.call_value(TABLE_PAGES, table="account")
        for first in range(0, end, _PAGES_COUNT_MAX):
            yield {"first_page": first, "end_page": min(first + _PAGES_COUNT_MAX, end)}


@contextmanager
def open_gap(settings: Settings, told_until: datetime) -> Iterator[Gap]:
    """Connect. Raises `psycopg.Error`."""
    connection = connect(settings, NAME)
    try:
        yield Gap(connection, settings, told_until)
    finally:
        connection.close()
