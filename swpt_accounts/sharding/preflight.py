"""Checks whether a split can be done, before anything is changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from psycopg import sql

from swpt_accounts.core.formatting import plural
from swpt_accounts.db.installer import procedures_version
from swpt_accounts.db.operator_session import OperatorSession, PreconditionFailed
from swpt_accounts.sharding.proof import foreign_rows
from swpt_accounts.sharding.queue_cutover import QueueCutover
from swpt_accounts.sharding.sessions import ChildSession, Sessions
from swpt_accounts.sharding.tables import TABLES

# One for the stream, and two for the tables that are copied at the same time.
_SENDERS_OF_CHILD: Final = 3
_ORIGINS_OF_CHILD: Final = 3


@dataclass(frozen=True, slots=True)
class ParentSurvey:
    """How much there is in the parent; and what an operator should know."""

    accounts_count: int
    bytes_count: int
    warnings: list[str]


def survey(sessions: Sessions) -> ParentSurvey:
    """Check all servers, for a split that has not begun.

    Raises `PreconditionFailed`, with all that is wrong, and `AMQPError`.
    """
    parent = _look(sessions.parent, "the parent")
    problems = list(_problems_of_parent(parent, len(sessions.children)))
    for child in sessions.children:
        found = _look(child.session, child.child.name)
        problems += _problems_of_child(child, found, parent)
    if sessions.family.is_split:
        problems += QueueCutover(sessions.family).problems()
    problems += foreign_rows(sessions.parent, sessions.family.parent.realm)
    refuse(problems)
    return ParentSurvey(parent.accounts_count, parent.bytes_count, list(_warnings(parent)))


def _warnings(parent: Any) -> Iterator[str]:
    if parent.kept_wal_max == "-1":
        yield (
            "max_slot_wal_keep_size of the parent's server is -1: if a child stops receiving, its"
            " replication slot keeps WAL until the disk is full, and the shard stops. Set a limit,"
            " for example ALTER SYSTEM SET max_slot_wal_keep_size = '20GB', and reload the"
            " configuration. A child that is behind by more has to be prepared anew"
        )


def refuse(problems: list[str]) -> None:
    """Raise `PreconditionFailed` if there is a problem."""
    if problems:
        raise PreconditionFailed("\n  ".join(["the split cannot be done:", *problems]))


def check_versions(sessions: Sessions) -> None:
    """Parent and children have the same tables. Raises `PreconditionFailed`."""
    revisions = {_look(sessions.parent, "the parent").revision}
    revisions |= {_look(c.session, c.child.name).revision for c in sessions.children}
    if len(revisions) > 1:
        raise PreconditionFailed(
            f"the databases have different migrations ({', '.join(sorted(revisions))}): run"
            " `flask db upgrade` of the same version of the program for all of them"
        )


def _look(session: OperatorSession, name: str) -> Any:
    if not session.run("preflight", "whose_tables")[0].has_tables:
        raise PreconditionFailed(
            f"{name} has no tables of this program in its database: run `flask db upgrade`"
            " (`configure` of the container)"
        )
    parameters = {"tables": list(TABLES), "version": procedures_version()}
    (found,) = session.run("preflight", "server", parameters)
    return found


def _problems_of_parent(found: Any, children_count: int) -> Iterator[str]:
    yield from _problems_of_both("the parent", found)
    if found.wal_level != "logical":
        yield f"wal_level of the parent's server is {found.wal_level}; it must be logical"
    if not found.may_replicate:
        yield "the parent's role must have the attribute REPLICATION (ALTER ROLE … REPLICATION)"
    needed = _SENDERS_OF_CHILD * children_count
    for name, free in (
        ("max_replication_slots", found.free_slots_count),
        ("max_wal_senders", found.free_senders_count),
    ):
        if free < needed:
            yield f"{name} of the parent's server leaves {free} free; {needed} are needed"
    if found.is_moving:
        yield "`move_in` is still copying the archive of the reference: wait until it has ended"
    if "*" in found.synchronous_standbys:
        yield (
            "synchronous_standby_names of the parent's server contains *, so commits could wait for"
            " a child: name the standbys"
        )


def _problems_of_child(child: ChildSession, found: Any, parent: Any) -> Iterator[str]:
    name = child.child.name
    yield from _problems_of_both(name, found)
    if not found.may_subscribe:
        yield (
            f"{name}: its role must be a superuser, or since PostgreSQL 16 a member of"
            " pg_create_subscription"
        )
    if found.revision != parent.revision:
        yield f"{name} has the migration {found.revision}, but the parent has {parent.revision}"
    if found.schema != parent.schema:
        yield (
            f"{name} has its tables in the schema {found.schema!r}, but the parent in"
            f" {parent.schema!r}: drop them, create that schema, and run `flask db upgrade` again"
        )
    if found.replication_workers_count < 2:
        yield (
            f"{name}: max_logical_replication_workers is {found.replication_workers_count}; it must"
            " be at least 2"
        )
    if found.free_origins_count < _ORIGINS_OF_CHILD:
        yield (
            f"{name}: max_replication_slots of its server (since PostgreSQL 18"
            f" max_active_replication_origins) leaves {found.free_origins_count} replication"
            f" origins free; {_ORIGINS_OF_CHILD} are needed"
        )
    yield from _what_is_there(child, found)


def _what_is_there(child: ChildSession, found: Any) -> Iterator[str]:
    """What must not be in the database of a child."""
    name = child.child.name
    if child.session.run("child", "has_origin")[0].found:
        yield (
            f"{name}: another split into this database has begun; drop the database, or undo that"
            " split"
        )
        return
    if found.workers_count:
        yield (
            f"{name}: its services have {plural(found.workers_count, 'session')}: stop them, and"
            " start them after `shards prepare`; then they wait for `shards switch`"
        )
    for table in TABLES:
        if child.session.run("preflight", "has_row", table=sql.Identifier(table))[0].found:
            yield f"{name}: its table {table!r} is not empty: check POSTGRES_URL"


def _problems_of_both(name: str, found: Any) -> Iterator[str]:
    if found.is_replica:
        yield f"{name} is a standby, which is read-only"
    if not found.owns_tables:
        yield f"{name}: this role does not own the tables: set POSTGRES_URL of the owner"
    if not found.may_create:
        yield f"{name}: this role may not create schemas (GRANT CREATE ON DATABASE …)"
    if not found.is_installed:
        yield f"{name} does not have the stored procedures of this version: run `flask db upgrade`"
