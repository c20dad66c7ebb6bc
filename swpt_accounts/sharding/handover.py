"""Gives a child what it does not have yet, proves that it has all, and lets it begin."""

from collections.abc import Sequence
from time import monotonic, sleep
from typing import Any, Final

from psycopg import sql

from swpt_accounts.core.realm import Realm
from swpt_accounts.db.operator_session import OperatorSession, PreconditionFailed
from swpt_accounts.sharding.sessions import ChildSession
from swpt_accounts.sharding.tables import OWNED, SHARED

LAST_WORD: Final = "switched"
"""What the parent writes when nobody writes anything else: who has it has everything before it."""
_POLL_SECONDS: Final = 0.02
_SECONDS_MAX: Final = 600.0
_STOP_SECONDS_MAX: Final = 60.0


def has_begun(child: ChildSession) -> bool:
    """Whether the child works."""
    return child.session.run("child", "read_origin")[0].opened_at is not None


def receive_all(child: ChildSession) -> dict[str, Any]:
    """Wait until the child has everything that is replicated, and end that.

    Returns its sums. Raises `PreconditionFailed`.
    """
    _wait_for_last_word(child)
    detach(child)
    return sums_of(child.session)


def sums_of(session: OperatorSession) -> dict[str, Any]:
    """What is counted and added up in a database in which nobody works."""
    (found,) = session.run("books", "sums")
    return dict(found._asdict())


def compare(wanted: dict[str, Any], found: Sequence[dict[str, Any]]) -> None:
    """Raise `PreconditionFailed` unless the children have together what the parent has."""
    for subject, amount in wanted.items():
        together = sum(sums[subject] for sums in found)
        if together != amount:
            raise PreconditionFailed(
                f"the children do not have what the parent has: {subject} are {together} in place"
                f" of {amount}. Their work does not begin"
            )


def open_child(parent: OperatorSession, child: ChildSession) -> None:
    """Give the child its rows of queues and outboxes, and let it begin.

    The session with the parent's database is of this child alone.
    """
    session = child.session
    if has_begun(child):
        return
    with session.connection.transaction():
        session.run("books", "unfence")
        for table in OWNED:
            _copy(parent, session, table, child.child.realm)
        for table in SHARED:
            _copy(parent, session, table, None)
        for sequence in parent.run("books", "sequences"):
            values = {"name": sequence.name, "value": sequence.last_value}
            session.run("books", "set_sequence", values)
        session.run("child", "drop_subscription", named=sql.Identifier(child.name))
        session.run("child", "drop_key")
        session.run_all("child", "open")


def _wait_for_last_word(child: ChildSession) -> None:
    end = monotonic() + _SECONDS_MAX
    while child.session.run("child", "beat")[0].word != LAST_WORD:
        if monotonic() > end:
            raise PreconditionFailed(
                f"{child.child.name} has not got all that the parent has written: the log of its"
                " server says why"
            )
        sleep(_POLL_SECONDS)


def detach(child: ChildSession) -> None:
    """End the stream from the parent: nothing comes any more."""
    end = monotonic() + _STOP_SECONDS_MAX
    while found := child.session.run("child", "subscription", {"name": child.name}):
        if found[0].is_enabled or found[0].slot is not None:
            child.session.run_all("child", "detach", named=sql.Identifier(child.name))
        elif not found[0].is_running:
            return
        elif monotonic() > end:
            raise PreconditionFailed(f"{child.child.name}: its subscription does not stop")
        else:
            sleep(_POLL_SECONDS)


def _copy(
    parent: OperatorSession, session: OperatorSession, table: str, realm: Realm | None
) -> None:
    """Copy the rows of a realm, or all of them."""
    columns = sql.SQL(", ").join(
        sql.Identifier(row.name) for row in parent.run("books", "columns", {"table": table})
    )
    names = {"table": sql.Identifier(table), "columns": columns}
    condition: sql.Composable = sql.SQL("true")
    if realm is not None:
        (owner,) = parent.run("books", "owner", {"table": table})
        literals = {name: sql.Literal(value) for name, value in realm.parameters.items()}
        condition = parent.statement("books", "of_realm", owner=sql.SQL(owner.columns), **literals)
    out = parent.statement("books", "copy_out", condition=condition, **names)
    into = session.statement("books", "copy_in", **names)
    with (
        parent.connection.cursor() as source_cursor,
        session.connection.cursor() as target_cursor,
        source_cursor.copy(out) as source,
        target_cursor.copy(into) as target,
    ):
        for block in source:
            target.write(block)
