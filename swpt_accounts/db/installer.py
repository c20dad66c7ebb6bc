"""Installs the stored procedures of this version of the program, beside those of another one.

Each version has a schema of its own, whose name contains the digest of the files. Two versions
share no function, so the workers of the version before go on. See docs/decisions/0013.
"""

import re
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from psycopg import sql

from swpt_accounts.db.queries import query, read_queries
from swpt_accounts.db.schema_discovery import TABLES_PATH, Connection

REVISION: Final = "0011"
"""The migration that makes the tables for these procedures: the latest one. Later ones are greater
texts.
"""

OLDEST_REVISION: Final = "0001"
"""Programs whose latest migration is this one, or one between, may work on these tables. It is
`REVISION` itself where that does more to a table than to add what the program before can ignore.
"""

KEPT_COUNT: Final = 2
"""How many versions stay installed: this one, and the one before."""

# One subject per file.
SUBJECTS: Final = (
    "time",
    "ids",
    "money",
    "wakeups",
    "trace_context",
    "accounts",
    "currencies",
    "configuration",
    "recipient_verification",
    "preparation",
    "finalization",
    "balance_changes",
    "chores",
    "scans",
    "shard",
    "inbox",
    "returned_messages",
    "dead_letters",
    "reference_values",
    "older_archive",
    "journal",
    "sequence_repair",
)
_FOLDER = Path(__file__).parent / "sql"
_COMMENT = re.compile(r"^\s*--.*$", re.MULTILINE)


def read_sql(subject: str) -> str:
    """The text of `sql/<subject>.sql`."""
    return (_FOLDER / f"{subject}.sql").read_text("utf-8")


@cache
def procedures_version() -> str:
    """The version of the procedures: 12 hexadecimal digits.

    Comments of a line of their own, and white space, make no difference.
    """
    texts = (" ".join(_COMMENT.sub("", read_sql(subject)).split()) for subject in SUBJECTS)
    return sha256("\0".join((REVISION, *texts)).encode()).hexdigest()[:12]


def procedures_schema() -> str:
    """The name of the schema that has the procedures of this version."""
    return f"swpt_accounts_{procedures_version()}"


def is_of_later_version(revision: str | None) -> bool:
    """Whether only a later version of the program knows this migration."""
    return (revision or "") > REVISION


def why_not_before(connection: Connection, revision: str | None) -> str:
    """Why this version may not work on tables that a later one has made; empty if it may.

    The tables must be on the session's `search_path`. Raises `psycopg.Error`.
    """
    parameters = {"version": procedures_version(), "revision": REVISION}
    row = connection.execute(query("serves_earlier"), parameters).fetchone()
    assert row is not None
    may_work, oldest = row
    if may_work:
        return ""
    bound = f", which serves programs from migration {oldest} on" if oldest else ""
    return (
        f"the database has migration {revision} of a later version of this program{bound}; this"
        f" one has migration {REVISION}: run a later version (docs/how-to/upgrade.md)"
    )


def install_script(
    running_role: str | None = None, reading_role: str | None = None
) -> Iterator[str]:
    """The statements that install the procedures, to be run in one transaction.

    They may be run again, and by several at once. What is older than the version before is
    removed. Bodies are not checked while they are created, for they call each other. The roles,
    where there are some, get the rights that the workers need, and those that the console needs.
    """
    schema = sql.Identifier(procedures_schema())
    yield _statement("begin", schema=schema, tables_path=sql.SQL(TABLES_PATH))
    yield from map(read_sql, SUBJECTS)
    for file_name, role in (
        ("db/grants.sql", running_role),
        ("db/reading_grants.sql", reading_role),
    ):
        if role is not None:
            yield _fill(
                file_name,
                "grant",
                schema=schema,
                role=sql.Identifier(role),
                role_name=sql.Literal(role),
            )
    oldest = sql.Literal(OLDEST_REVISION)
    version, revision = sql.Literal(procedures_version()), sql.Literal(REVISION)
    yield _statement("register", version=version, revision=revision, oldest_revision=oldest)
    yield _statement("remove", kept_count=sql.Literal(KEPT_COUNT), oldest_revision=oldest)


def uninstall_script() -> Iterator[str]:
    """The statements that remove all procedures, of whatever version."""
    yield _statement(
        "remove", kept_count=sql.Literal(0), oldest_revision=sql.Literal(OLDEST_REVISION)
    )


def _statement(name: str, **parts: sql.Composable) -> str:
    return _fill("db/installer.sql", name, **parts)


def _fill(file_name: str, name: str, **parts: sql.Composable) -> str:
    return sql.SQL(read_queries(file_name)[name]).format(**parts).as_string(None)
