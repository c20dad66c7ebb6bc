"""Takes back: the switch, as long as no child works, and the preparation."""

from time import monotonic, sleep
from typing import Final

import psycopg
from pika.exceptions import AMQPError
from psycopg import sql

from swpt_accounts.broker.connections import describe
from swpt_accounts.core.formatting import plural
from swpt_accounts.db.operator_session import PreconditionFailed
from swpt_accounts.sharding.children import Family
from swpt_accounts.sharding.queue_cutover import QueueCutover
from swpt_accounts.sharding.sessions import (
    OPENING,
    PREPARING,
    SWITCHING,
    ChildSession,
    Sessions,
    open_parent_sessions,
    read_noted,
    require_noted,
    without_others,
)
from swpt_accounts.sharding.streams import attach, detach, drop_traces
from swpt_accounts.sharding.tables import TABLES, change_tables, open_parent

_RESTORE_SECONDS_MAX: Final = 60.0
_RESTORE_PAUSE_SECONDS: Final = 1.0
_GO_ON: Final = "Messages wait. Run `shards switch` again to go on, or `shards undo` to go back."
# Services that wait for the switch try once a second.
_LOOK_SECONDS: Final = 2.5
_LOOK_PAUSE_SECONDS: Final = 0.005


def undo(sessions: Sessions) -> list[str]:
    """Restore what was before `prepare`. Needs the parent only.

    Returns what could not be restored in the databases of the children. Raises
    `PreconditionFailed`, `psycopg.Error`, `AMQPError`.
    """
    with sessions.parent.one_at_a_time():
        sessions = without_others(sessions)
        noted = require_noted(sessions, PREPARING, SWITCHING, OPENING)
        _refuse(_sessions_of(sessions.children))
        if noted.step != PREPARING:
            take_back(sessions)
        if sessions.family.is_split:
            relay = QueueCutover(sessions.family)
            relay.unbind_children()
            _refuse(list(relay.problems()))
            relay.undo()
        for child in sessions.children:
            _empty(child)
        drop_traces(sessions)
        change_tables(sessions.parent, lambda: sessions.parent.run("parent", "drop_state"))
    return [
        f"{absent.child.name}: {absent.reason}: it was left as it is. Drop it, if it still exists"
        for absent in sessions.absent
    ]


def restore(family: Family) -> str:
    """After a switch that has failed: restore what was before it, unless a child works already.

    Returns what there is to say of it; nothing, if there was nothing to do.
    """
    end = monotonic() + _RESTORE_SECONDS_MAX
    while True:
        try:
            with open_parent_sessions(family) as sessions, sessions.parent.one_at_a_time():
                return _restore(sessions)
        except PreconditionFailed as error:
            return f"It was not taken back: {error}"
        except (psycopg.Error, AMQPError) as error:
            if monotonic() > end:
                return f"It could not be taken back: {describe(error)}. {_GO_ON}"
            sleep(_RESTORE_PAUSE_SECONDS)


def _restore(sessions: Sessions) -> str:
    noted = read_noted(sessions.parent)
    if noted is None or noted.step not in (SWITCHING, OPENING):
        return ""
    take_back(without_others(sessions))
    return "All is as before `shards switch`: the parent works, and the children wait."


def take_back(sessions: Sessions) -> None:
    """Let the parent work again, and get its messages.

    Raises `PreconditionFailed` if a child works already, or may do so.
    """
    parent = sessions.parent
    _require_closed_children(sessions)
    open_parent(parent)
    if sessions.family.is_split:
        QueueCutover(sessions.family).take_back()
    for child in sessions.children:
        attach(child)
    parent.run("parent", "forget_proof")
    parent.run("parent", "set_step", {"step": PREPARING, "seconds": None})


def _require_closed_children(sessions: Sessions) -> None:
    """Until the children are being opened, they are closed."""
    noted = read_noted(sessions.parent)
    if noted is None or noted.step != OPENING:
        return
    for absent in sessions.absent:
        raise PreconditionFailed(
            f"{absent.child.name} may work already, and {absent.reason}: run `shards switch` when"
            " it can be reached; it goes on"
        )
    for child in sessions.children:
        if has_begun(child):
            raise PreconditionFailed(
                f"{child.child.name} works already: run `shards switch`; it goes on"
            )


def has_begun(child: ChildSession) -> bool:
    return any(row.opened_at is not None for row in child.session.run("child", "read_origin"))


def _refuse(problems: list[str]) -> None:
    if problems:
        raise PreconditionFailed("\n  ".join(["the split cannot be undone:", *problems]))


def _sessions_of(children: tuple[ChildSession, ...]) -> list[str]:
    """Which children have services: their sessions come and go."""
    found: dict[str, int] = {}
    end = monotonic() + _LOOK_SECONDS
    while monotonic() < end and len(found) < len(children):
        for child in children:
            session = child.session
            row = session.connection.execute(session.statement("child", "workers")).fetchone()
            if row is not None and row[0]:
                found[child.child.name] = row[0]
        sleep(_LOOK_PAUSE_SECONDS)
    return [
        f"{name}: its services have {plural(count, 'session')}: stop them first"
        for name, count in found.items()
    ]


def _empty(child: ChildSession) -> None:
    """Remove from the database of a child what has come. It stays closed for its services."""
    session = child.session
    if not session.run("child", "has_origin")[0].found:
        return
    if has_begun(child):
        raise PreconditionFailed(f"{child.child.name} works already")
    detach(child)

    def empty() -> None:
        session.run("child", "drop_subscription", named=sql.Identifier(child.name))
        session.run("books", "unfence")
        tables = sql.SQL(", ").join(map(sql.Identifier, TABLES))
        session.run("child", "empty", tables=tables)
        session.run("child", "drop_key")
        session.run("child", "forget_origin")

    change_tables(session, empty)
