"""The cutover: the children take over from the parent."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from time import monotonic, sleep
from typing import Any, Final

from psycopg import sql

from swpt_accounts.core.progress import Progress
from swpt_accounts.core.realm import Realm
from swpt_accounts.db.operator_session import OperatorSession, PreconditionFailed
from swpt_accounts.sharding.preflight import check_versions, refuse
from swpt_accounts.sharding.queue_cutover import QueueCutover, check_queue, drain, stop_consumers
from swpt_accounts.sharding.sessions import (
    PREPARING,
    SWITCHED,
    SWITCHING,
    ChildSession,
    Sessions,
    open_session,
    require_noted,
)
from swpt_accounts.sharding.tables import OWNED, SHARED, change_tables, close_parent

_LAG_SECONDS_MAX: Final = 20.0
_SLOT_SECONDS_MAX: Final = 60.0
_POLL_SECONDS: Final = 0.05

# Gets what was done, and how many seconds after the messages began to wait.
Report = Callable[[str, float], None]


def switch(sessions: Sessions, progress: Progress, report: Report) -> None:
    """Let the children take over, or go on where that was.

    Raises `PreconditionFailed`, `psycopg.Error`, `AMQPError`.
    """
    with sessions.parent.one_at_a_time(), ExitStack() as stack:
        noted = require_noted(sessions, PREPARING, SWITCHING, SWITCHED)
        if noted.step == SWITCHED:
            return
        relay = QueueCutover(sessions.family)
        if noted.step == PREPARING:
            _check(sessions, relay)
        seconds = _hand_over(sessions, relay, stack, progress, report)
        if sessions.family.is_split:
            relay.settle()
        drop_traces(sessions)
        is_measured = noted.step == PREPARING
        values = {"step": SWITCHED, "seconds": seconds if is_measured else None}
        sessions.parent.run("parent", "set_step", values)


def _check(sessions: Sessions, relay: QueueCutover) -> None:
    """From here it goes forward only; so all that can be known is looked at before."""
    check_versions(sessions)
    names = {child.name: child for child in sessions.children}
    found = {row.name for row in sessions.parent.run("parent", "slots", {"names": [*names]})}
    for name, child in names.items():
        rows = child.session.run("child", "copied", {"name": name})
        if name not in found or not rows or not all(row.is_ready for row in rows):
            raise PreconditionFailed(
                f"{child.child.name} is not ready: run `shards prepare` to continue"
            )
    _check_lag(sessions)
    if sessions.family.is_split:
        check_queue(relay)
        refuse(list(relay.problems()))
    sessions.parent.run("parent", "set_step", {"step": SWITCHING, "seconds": None})


def _check_lag(sessions: Sessions) -> None:
    """Raise `PreconditionFailed` unless each child soon has what the parent writes now."""
    word = f"at {monotonic()}"
    sessions.parent.run("parent", "beat", {"word": word})
    end = monotonic() + _LAG_SECONDS_MAX
    for child in sessions.children:
        while child.session.run("child", "beat")[0].word != word:
            if monotonic() > end:
                raise PreconditionFailed(
                    f"{child.child.name} lags behind the parent by more than"
                    f" {_LAG_SECONDS_MAX:.0f} s: wait, or check the log of its server"
                )
            sleep(_POLL_SECONDS)


def _hand_over(
    sessions: Sessions, relay: QueueCutover, stack: ExitStack, progress: Progress, report: Report
) -> float:
    """Returns for how many seconds no shard has worked."""
    family, parent = sessions.family, sessions.parent
    others = [stack.enter_context(open_session(family.parent)) for _ in sessions.children]
    began_at = monotonic()
    if family.is_split:
        relay.switch()
        report("messages are routed to the queues of the children", monotonic() - began_at)
        drain(relay, parent, family.parent, progress)
        report("the parent has processed all earlier messages", monotonic() - began_at)
    else:
        stop_consumers(relay, parent)
        report("the queue has no consumers", monotonic() - began_at)
    close_parent(parent)
    parent.run("parent", "beat", {"word": LAST_WORD})
    report("the parent's database is closed for writing", monotonic() - began_at)
    with ThreadPoolExecutor(len(others) + 1) as pool:
        _prove(sessions, pool)
        report("the children have all rows", monotonic() - began_at)
        list(pool.map(open_child, others, sessions.children))
    report("the children are open", monotonic() - began_at)
    for child in sessions.children:
        parent.run("parent", "note_opened", {"realm": str(child.child.realm)})
    return monotonic() - began_at


def _prove(sessions: Sessions, pool: Executor) -> None:
    """Compare the sums of all databases, and keep them. Harmless when a child works already.

    Raises `PreconditionFailed`.
    """
    parent = sessions.parent
    if parent.run("parent", "read_proof"):
        return
    total = pool.submit(sums_of, parent)
    found = list(pool.map(receive_all, sessions.children))
    compare(total.result(), found)
    with parent.connection.transaction():
        for child, sums in zip(sessions.children, found, strict=True):
            for subject, amount in sums.items():
                values = {"subject": subject, "amount": amount}
                parent.run("parent", "keep_proof", {"realm": str(child.child.realm), **values})


def drop_traces(sessions: Sessions) -> None:
    """The parent's server keeps and publishes nothing for the children any more.

    Their subscriptions are gone before.
    """
    parent = sessions.parent

    def unpublish() -> None:
        for child in sessions.children:
            parent.run("parent", "unpublish", named=sql.Identifier(child.name))
        parent.run("parent", "usual_old_rows")

    change_tables(parent, unpublish)
    names = [child.name for child in sessions.children]
    end = monotonic() + _SLOT_SECONDS_MAX
    while slots := parent.run("parent", "slots", {"names": names}):
        for slot in slots:
            parent.run("parent", "drop_slot", {"name": slot.name})
        if monotonic() > end:
            raise PreconditionFailed(f"the replication slot {slots[0].name!r} is still in use")
        sleep(_POLL_SECONDS)


LAST_WORD: Final = "switched"
"""What the parent writes last: a child that has it has everything before it."""
_CHILD_POLL_SECONDS: Final = 0.02
_WORD_SECONDS_MAX: Final = 600.0
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
    """Counts and sums of a database that is closed for writing."""
    (found,) = session.run("books", "sums")
    return dict(found._asdict())


def compare(wanted: dict[str, Any], found: Sequence[dict[str, Any]]) -> None:
    """Raise `PreconditionFailed` unless the children have together what the parent has."""
    for subject, amount in wanted.items():
        together = sum(sums[subject] for sums in found)
        if together != amount:
            raise PreconditionFailed(
                f"the children differ from the parent: {subject} are {together} instead of"
                f" {amount}."
                " The children stay closed"
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
        _settle_changes_of_others(parent, session, child.child.realm)
        for sequence in parent.run("books", "sequences"):
            values = {"name": sequence.name, "value": sequence.last_value}
            session.run("books", "set_sequence", values)
        session.run("child", "drop_subscription", named=sql.Identifier(child.name))
        session.run("child", "drop_key")
        session.run_all("child", "open")


def _settle_changes_of_others(
    parent: OperatorSession, session: OperatorSession, realm: Realm
) -> None:
    """The archive of both children has all changes; each of them applies its own."""
    rows = parent.run("books", "changes_of_others", realm.parameters)
    names = ("debtor_id", "other_creditor_id", "change_id")
    keys = {name: [getattr(row, name) for row in rows] for name in names}
    session.run("books", "settle_changes", keys)


def _wait_for_last_word(child: ChildSession) -> None:
    end = monotonic() + _WORD_SECONDS_MAX
    while child.session.run("child", "beat")[0].word != LAST_WORD:
        if monotonic() > end:
            raise PreconditionFailed(
                f"{child.child.name} has not received all rows from the parent: check the log of"
                " its"
                " server"
            )
        sleep(_CHILD_POLL_SECONDS)


def detach(child: ChildSession) -> None:
    """End the stream from the parent: nothing comes any more."""
    end = monotonic() + _STOP_SECONDS_MAX
    while found := child.session.run("child", "subscription", {"name": child.name}):
        if found[0].is_enabled or found[0].slot is not None:
            child.session.run_all("child", "detach", named=sql.Identifier(child.name))
        elif not found[0].is_running:
            return
        elif monotonic() > end:
            raise PreconditionFailed(f"{child.child.name}: could not stop its subscription")
        else:
            sleep(_CHILD_POLL_SECONDS)


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
