"""Installs the stored procedures of `sql/`."""

from collections.abc import Iterator
from importlib.resources import files

# One subject a file. Views come after the functions that they call.
SUBJECTS = (
    "time",
    "ids",
    "money",
    "wakeups",
    "accounts",
    "currencies",
    "configuring",
    "verifying",
    "preparing",
    "finalizing",
    "balance_changes",
    "chores",
    "scans",
    "shard",
    "books",
    "inbox",
    "outbox",
)


def read_sql(subject: str) -> str:
    """The text of `sql/<subject>.sql`."""
    return (files("swpt_accounts.db") / "sql" / f"{subject}.sql").read_text("utf-8")


def install_script() -> Iterator[str]:
    """The statements that (re)install every stored procedure, to be run in one transaction.

    Bodies are not checked while they are created, for they call each other.
    """
    yield "SET LOCAL check_function_bodies = off"
    yield from map(read_sql, SUBJECTS)
