"""Proves the books: that all money adds up, in one snapshot of the database."""

from swpt_accounts.db.connection import connect
from swpt_accounts.db.procedures import FIND_BOOK_ERRORS
from swpt_accounts.settings import Settings

BOOK_ERRORS_MAX = 100


def find_book_errors(settings: Settings) -> list[str]:
    """Return what is wrong with the books: the first `BOOK_ERRORS_MAX` errors, of one snapshot."""
    connection = connect(settings, "verify_books")
    try:
        connection.raw.execute("SET statement_timeout = 0")
        rows = connection.call_table(
            FIND_BOOK_ERRORS, **settings.realm.parameters, count_max=BOOK_ERRORS_MAX
        )
    finally:
        connection.close()
    return [
        f"debtor {row.debtor_id}: {row.error}"
        if row.creditor_id is None
        else f"account ({row.debtor_id}, {row.creditor_id}): {row.error}"
        for row in rows
    ]
