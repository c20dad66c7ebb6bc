"""The sessions with the databases of parent and children, and what is noted there."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from time import monotonic
from typing import Any, Final

import psycopg
from psycopg import sql

from swpt_accounts.db.errors import one_line
from swpt_accounts.db.installer import procedures_schema
from swpt_accounts.db.operator_session import (
    OperatorSession,
    PreconditionFailed,
    open_operator_session,
)
from swpt_accounts.db.schema_discovery import BOOKS
from swpt_accounts.settings import Settings
from swpt_accounts.sharding.children import Child, Family


class Deadline:
    """One for all of its steps."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._began_at = monotonic()

    @property
    def passed_seconds(self) -> float:
        return monotonic() - self._began_at

    @property
    def rest_seconds(self) -> float:
        return max(self.seconds - self.passed_seconds, 0.0)

    def check(self, problem: str) -> None:
        """Raise `PreconditionFailed` with what is still wrong, if the time is over."""
        if not self.rest_seconds:
            raise PreconditionFailed(f"after {self.seconds:.0f} s, {problem}")


NAME: Final = "shards"
PREPARING: Final = "preparing"
SWITCHING: Final = "switching"
OPENING: Final = "opening"
SWITCHED: Final = "switched"
FINISHED: Final = "finished"


@dataclass(frozen=True, slots=True)
class SplitRecord:
    """What the parent's database says about the split."""

    step: str
    realm: str
    queue: str
    began_at: datetime
    switched_at: datetime | None
    interrupted_seconds: float | None


@dataclass(frozen=True, slots=True)
class ChildSession:
    """A child, and the session with its database.

    `name` is that of its publication, its replication slot, and its subscription.
    """

    child: Child
    session: OperatorSession
    identity: str
    name: str


@dataclass(frozen=True, slots=True)
class AbsentChild:
    """A child whose database cannot be used, and why."""

    child: Child
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Sessions:
    """With all databases of a family; some may be absent where only the parent is needed."""

    family: Family
    parent: OperatorSession
    identity: str
    children: tuple[ChildSession, ...]
    absent: tuple[AbsentChild, ...] = ()

    @property
    def names(self) -> list[str]:
        """Of the publications and slots of all children."""
        return [c.name for c in self.children] + [c.name for c in self.absent]


@contextmanager
def open_sessions(family: Family) -> Iterator[Sessions]:
    """Connect to all databases. Raises `psycopg.Error`, `PreconditionFailed`."""
    with open_parent_sessions(family) as sessions:
        for absent in sessions.absent:
            raise PreconditionFailed(f"{absent.child.name}: {absent.reason}")
        identities = [sessions.identity, *(child.identity for child in sessions.children)]
        if len(set(identities)) < len(identities):
            raise PreconditionFailed(
                "two of the shards have the same database, under two addresses"
            )
        yield sessions


@contextmanager
def open_parent_sessions(family: Family) -> Iterator[Sessions]:
    """Connect to the parent's database, and to those of the children that can be reached.

    Raises `psycopg.Error`.
    """
    with ExitStack() as stack:
        parent = stack.enter_context(open_session(family.parent))
        identity, oid = _identity(parent)
        children, absent = [], []
        for child in family.children:
            bits = str(child.realm).replace(".", "").removesuffix("#") or "all"
            name = f"swpt_split_{oid}_{bits}"
            try:
                session = stack.enter_context(open_session(child.settings))
                children.append(ChildSession(child, session, _identity(session)[0], name))
            except psycopg.Error as error:
                absent.append(AbsentChild(child, name, f"cannot be reached: {one_line(error)}"))
        yield Sessions(family, parent, identity, tuple(children), tuple(absent))


def without_others(sessions: Sessions) -> Sessions:
    """The same, without databases that are not those which `prepare` has filled."""
    known = {child.realm: child.identity for child in read_noted_children(sessions.parent)}
    own = [c for c in sessions.children if known.get(str(c.child.realm)) == c.identity]
    others = [
        AbsentChild(c.child, c.name, "this database is not the one that `shards prepare` filled")
        for c in sessions.children
        if c not in own
    ]
    return replace(sessions, children=tuple(own), absent=(*sessions.absent, *others))


@contextmanager
def open_session(settings: Settings) -> Iterator[OperatorSession]:
    """Connect to the database of a shard, with the names of its tables and procedures."""
    with open_operator_session(settings, "sharding/sql", NAME) as session:
        path = sql.SQL(", ").join(map(sql.Identifier, (procedures_schema(), BOOKS, "public")))
        session.connection.execute(sql.SQL("SET search_path = {}").format(path))
        # others' sessions are asked for what was committed
        session.connection.execute("SET synchronous_commit = on")
        yield session


def _identity(session: OperatorSession) -> tuple[str, int]:
    ((identity, oid),) = session.run("preflight", "identity")
    return identity, oid


def read_noted(parent: OperatorSession) -> SplitRecord | None:
    """What the parent's database has noted; None if no split has begun."""
    if not parent.run("parent", "has_state")[0].found:
        return None
    found = parent.run("parent", "read_split")
    return SplitRecord(*found[0]) if found else None


def read_noted_children(parent: OperatorSession) -> list[Any]:
    """What the parent's database says about its children."""
    return parent.run("parent", "read_children")


def require_noted(sessions: Sessions, *steps: str) -> SplitRecord:
    """What is noted, and is one of these steps of this very family. Raises `PreconditionFailed`."""
    noted = read_noted(sessions.parent)
    if noted is None:
        raise PreconditionFailed("no split of this shard has begun: run `shards prepare`")
    refuse_others(sessions, noted)
    if noted.step not in steps:
        raise PreconditionFailed(f"the split is {noted.step}; it must be {' or '.join(steps)}")
    return noted


def refuse_others(sessions: Sessions, noted: SplitRecord) -> None:
    """Raise `PreconditionFailed` where a split into other children has begun.

    The databases of absent ones are not known, and may be others.
    """
    noted_children = read_noted_children(sessions.parent)
    known = {(c.realm, c.queue) for c in noted_children}
    given = {(str(c.realm), c.queue) for c in sessions.family.children}
    databases = {c.identity for c in noted_children}
    if known != given or not {c.identity for c in sessions.children} <= databases:
        names = ", ".join(f"{realm} with {queue!r}" for realm, queue in sorted(known))
        raise PreconditionFailed(
            f"another split of this shard began at {noted.began_at:%Y-%m-%d %H:%M}, into {names},"
            " with other databases or other names: continue that one, or take it back by"
            " `shards undo`, for which the databases of the children are not needed"
        )
