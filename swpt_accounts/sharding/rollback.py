"""Undoes the preparation, before the cutover."""

from psycopg import sql

from swpt_accounts.db.operator_session import PreconditionFailed
from swpt_accounts.sharding.cutover import detach, drop_traces
from swpt_accounts.sharding.queue_cutover import QueueCutover
from swpt_accounts.sharding.sessions import PREPARING, ChildSession, Sessions, require_noted
from swpt_accounts.sharding.tables import TABLES


def undo(sessions: Sessions) -> None:
    """Restore what was before `prepare`.

    Raises `PreconditionFailed`, `psycopg.Error`, `AMQPError`.
    """
    with sessions.parent.one_at_a_time():
        require_noted(sessions, PREPARING)
        if sessions.family.is_split:
            QueueCutover(sessions.family).undo()
        for child in sessions.children:
            _empty(sessions, child)
        drop_traces(sessions)
        sessions.parent.run("parent", "drop_state")


def _empty(sessions: Sessions, child: ChildSession) -> None:
    """Remove from the database of a child what has come from this parent."""
    session = child.session
    if not session.run("child", "has_state")[0].found:
        return
    (origin,) = session.run("child", "read_origin")
    if origin.identity != sessions.identity or origin.opened_at is not None:
        raise PreconditionFailed(
            f"{child.child.name}: this database is not being filled from this parent"
        )
    detach(child)
    with session.connection.transaction():
        session.run("child", "drop_subscription", named=sql.Identifier(child.name))
        tables = sql.SQL(", ").join(map(sql.Identifier, TABLES))
        session.run("child", "empty", tables=tables)
        session.run("child", "drop_key")
        session.run("child", "drop_state")
