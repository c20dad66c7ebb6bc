"""Looks whether a split would go well, before anything is changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from psycopg import sql

from swpt_accounts.db.installer import procedures_version
from swpt_accounts.db.operator_session import OperatorSession, PreconditionFailed
from swpt_accounts.sharding.queue_cutover import QueueCutover
from swpt_accounts.sharding.sessions import ChildSession, Sessions
from swpt_accounts.sharding.tables import TABLES

# One for the stream, and two for the tables that are copied at the same time.
_SENDERS_OF_CHILD: Final = 3


@dataclass(frozen=True, slots=True)
class ParentSurvey:
    """How much there is in the parent."""

    accounts_count: int
    bytes_count: int


def survey(sessions: Sessions) -> ParentSurvey:
    """Look at all servers, for a split that has not begun.

    Raises `PreconditionFailed`, with all that is wrong, and `AMQPError`.
    """
    parent = _look(sessions.parent, "the parent")
    problems = list(_problems_of_parent(parent, len(sessions.children)))
    for child in sessions.children:
        found = _look(child.session, child.child.name)
        problems += _problems_of_child(child, found, parent)
    if sessions.family.is_split:
        problems += QueueCutover(sessions.family).problems()
    refuse(problems)
    return ParentSurvey(parent.accounts_count, parent.bytes_count)


def refuse(problems: list[str]) -> None:
    """Raise `PreconditionFailed` if there is a problem."""
    if problems:
        raise PreconditionFailed("\n  ".join(["it cannot be done:", *problems]))


def check_versions(sessions: Sessions) -> None:
    """Parent and children have the same tables. Raises `PreconditionFailed`."""
    revisions = {_look(sessions.parent, "the parent").revision}
    revisions |= {_look(c.session, c.child.name).revision for c in sessions.children}
    if len(revisions) > 1:
        raise PreconditionFailed(
            f"the databases have different migrations ({', '.join(sorted(revisions))}): run"
            " `flask db upgrade` with the same version of the program for all of them"
        )


def _look(session: OperatorSession, name: str) -> Any:
    if not session.run("preflight", "whose_tables")[0].has_tables:
        raise PreconditionFailed(
            f"{name} has no tables of this program in its database: make them with `flask db"
            " upgrade` (the container's `configure`)"
        )
    parameters = {"tables": list(TABLES), "version": procedures_version()}
    (found,) = session.run("preflight", "server", parameters)
    return found


def _problems_of_parent(found: Any, children_count: int) -> Iterator[str]:
    yield from _problems_of_both("the parent", found)
    if found.wal_level != "logical":
        yield f"the parent's server has wal_level = {found.wal_level}: it must be logical"
    if not found.may_replicate:
        yield "the parent's role must have the attribute REPLICATION (ALTER ROLE … REPLICATION)"
    needed = _SENDERS_OF_CHILD * children_count
    for name, free in (
        ("max_replication_slots", found.free_slots_count),
        ("max_wal_senders", found.free_senders_count),
    ):
        if free < needed:
            yield f"{name} of the parent's server leaves {free}, and {needed} are needed"
    if found.is_moving:
        yield "the archive of the reference is still being copied (`move_in`): wait for its end"
    if "*" in found.synchronous_standbys:
        yield (
            "synchronous_standby_names of the parent's server has a *, so each commit might wait"
            " for a child: name the standbys"
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
        yield f"{name} has the migration {found.revision}, and the parent {parent.revision}"
    if found.schema != parent.schema:
        yield (
            f"{name} has its tables in the schema {found.schema!r}, and the parent in"
            f" {parent.schema!r}: drop them, make the schema, and run `flask db upgrade` again"
        )
    if found.replication_workers_count < 2:
        yield f"{name}: max_logical_replication_workers is {found.replication_workers_count}"
    yield from _what_is_there(child, found)


def _what_is_there(child: ChildSession, found: Any) -> Iterator[str]:
    """What must not be in the database of a child."""
    name = child.child.name
    if child.session.run("child", "has_state")[0].found:
        yield f"{name}: a split into this database was begun before; drop it, or undo that split"
        return
    if found.workers_count:
        yield (
            f"{name}: {found.workers_count} sessions of its services are there: stop them, and"
            " start them when `shards prepare` is done; then they wait for their turn"
        )
    for table in TABLES:
        if child.session.run("preflight", "has_row", table=sql.Identifier(table))[0].found:
            yield f"{name}: its table {table!r} is not empty. Is it the right database?"


def _problems_of_both(name: str, found: Any) -> Iterator[str]:
    if found.is_replica:
        yield f"{name} is a standby, which cannot be written to"
    if not found.owns_tables:
        yield f"{name}: this role does not own the tables (POSTGRES_URL has to be of the owner)"
    if not found.may_create:
        yield f"{name}: this role may not make a schema (GRANT CREATE ON DATABASE …)"
    if not found.is_installed:
        yield f"{name} does not have the stored procedures of this version: `flask db upgrade`"
