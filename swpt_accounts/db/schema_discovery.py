"""Where in the database the tables are: ours, and those of the reference (docs/decisions/0020)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final

import psycopg
from psycopg import sql

from swpt_accounts.db.queries import query

BOOKS: Final = "swpt_accounts_books"
"""The schema of our tables, where they are not in `public`."""

KEPT_REFERENCE: Final = "swpt_accounts_reference"
"""The schema of the reference's tables, after they have been taken over."""

KEPT_BOOKS: Final = "swpt_accounts_left"
"""The schema of our tables, after the database has been given back."""

TABLES_PATH: Final = f"{BOOKS},public"
"""Where our sessions look for tables. PostgreSQL passes over a schema that does not exist."""

REFERENCE_REVISIONS: Final = (
    "bbcd77f71465",
    "f6e0ff8ee775",
    "3655736a38df",
    "c515d6cbd8c6",
    "7a49b06e1eb6",
    "aa6b6a4a1e95",
    "faa65a97e02e",
    "a5202da9c3ad",
)
"""The migrations of the reference, in order."""

GUARD_REVISION: Final = "moved_to_swpt_accounts"
"""What stands in the reference's `alembic_version` as long as its database is ours."""

Connection = psycopg.Connection[tuple[Any, ...]]


class Owner(Enum):
    """Whose database it is."""

    NOBODY = "nobody"
    OURS = "ours"
    REFERENCE = "reference"
    OLD_REFERENCE = "old reference"
    UNKNOWN = "unknown"
    BOTH = "both"
    SEVERAL = "several"


@dataclass(frozen=True, slots=True)
class Found:
    """What is in the database. `schema` and `revision` are those of the reference's tables, or
    of our own where there are no others. Of several references, `schema` is a list of names.

    `guarded`: the schema in which the reference's tables were, if they have been taken over.
    """

    owner: Owner
    schema: str | None = None
    revision: str | None = None
    guarded: str | None = None

    @property
    def is_of_reference(self) -> bool:
        """Whether there are tables of the reference, of whatever version, to be taken over."""
        return self.owner not in (Owner.NOBODY, Owner.OURS)

    def __str__(self) -> str:
        where = f"in the schema {self.schema!r}"
        match self.owner:
            case Owner.NOBODY:
                return "this database has no tables of accounts"
            case Owner.OURS:
                return f"the tables of this program are {where}"
            case Owner.REFERENCE:
                return f"the tables of the reference are {where}"
            case Owner.OLD_REFERENCE:
                return (
                    f"the tables of an older release of the reference are {where}: its migration"
                    f" is {self.revision}, not {REFERENCE_REVISIONS[-1]}"
                )
            case Owner.UNKNOWN:
                return (
                    f"tables of accounts are {where}, with the migration {self.revision}, which is"
                    " neither one of this program nor one of the reference"
                )
            case Owner.SEVERAL:
                return f"tables of the reference are in several schemas: {self.schema}"
            case Owner.BOTH:
                return (
                    f"the tables of the reference are {where}, and tables of this program also"
                    " exist"
                )


def discover(connection: Connection) -> Found:
    """Find whose tables there are. Locks and changes nothing. Raises `psycopg.Error`."""
    ours: Found | None = None
    theirs: Found | None = None
    guarded: str | None = None
    for schema, is_ours, has_accounts, revision in _alembic_versions(connection):
        if revision == GUARD_REVISION:
            guarded = schema
        elif is_ours and (ours is None or schema == BOOKS):
            ours = Found(Owner.OURS, schema, revision)
        elif not is_ours and (owner := _owner_by(revision, has_accounts=has_accounts)):
            if theirs is None:
                theirs = Found(owner, schema, revision)
            else:
                theirs = Found(Owner.SEVERAL, f"{theirs.schema!r}, {schema!r}")
    if theirs is not None:
        return replace(theirs, owner=Owner.BOTH if ours else theirs.owner, guarded=guarded)
    return replace(ours or Found(Owner.NOBODY), guarded=guarded)


def _owner_by(revision: str | None, *, has_accounts: bool) -> Owner | None:
    if revision == REFERENCE_REVISIONS[-1]:
        return Owner.REFERENCE
    if revision in REFERENCE_REVISIONS:
        return Owner.OLD_REFERENCE
    return Owner.UNKNOWN if has_accounts else None


def _alembic_versions(connection: Connection) -> Iterator[tuple[str, bool, bool, str | None]]:
    """Of each schema that has the table: whether it has ours, or accounts, and the revision."""
    for schema, is_ours, has_accounts in connection.execute(query("alembic_versions")).fetchall():
        if schema in (KEPT_REFERENCE, KEPT_BOOKS):
            continue
        statement = sql.SQL(query("read_revision")).format(schema=sql.Identifier(schema))
        row = connection.execute(statement).fetchone()
        yield schema, is_ours, has_accounts, row[0] if row else None
