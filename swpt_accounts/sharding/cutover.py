"""The cutover: the children take over from the parent."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Final

from psycopg import sql

from swpt_accounts.core.formatting import duration
from swpt_accounts.core.realm import Realm
from swpt_accounts.db.operator_session import OperatorSession, PreconditionFailed
from swpt_accounts.sharding.preflight import check_versions, refuse
from swpt_accounts.sharding.proof import (
    COPIED,
    Proof,
    columns_of,
    foreign_rows,
    keep,
    prove,
    prove_beforehand,
)
from swpt_accounts.sharding.queue_cutover import QueueCutover, check_queue, drain, stop_consumers
from swpt_accounts.sharding.rollback import has_begun
from swpt_accounts.sharding.sessions import (
    OPENING,
    PREPARING,
    SWITCHED,
    SWITCHING,
    ChildSession,
    Deadline,
    Sessions,
    open_session,
    require_noted,
)
from swpt_accounts.sharding.streams import (
    attach,
    check_lag,
    check_stream,
    detach,
    drop_traces,
    hear,
)
from swpt_accounts.sharding.tables import OWNED, SHARED, close_parent

_LAG_SECONDS_MAX: Final = 20.0

# Gets what was done, and how many seconds after the messages began to wait.
Report = Callable[[str, float], None]


def switch(sessions: Sessions, seconds_max: float, report: Report) -> None:
    """Let the children take over, or go on where that was; but not if it would last for longer.

    Raises `PreconditionFailed`, `psycopg.Error`, `AMQPError`: then it is to be taken back.
    """
    with (
        sessions.parent.one_at_a_time(),
        ExitStack() as stack,
        ThreadPoolExecutor(len(sessions.children) + 1) as pool,
    ):
        noted = require_noted(sessions, PREPARING, SWITCHING, OPENING, SWITCHED)
        if noted.step == SWITCHED:
            return
        proof = Proof(sessions.parent)
        if noted.step == PREPARING:
            proof = _check(sessions, pool, seconds_max, report)
        others = [
            stack.enter_context(open_session(sessions.family.parent)) for _ in sessions.children
        ]
        deadline = Deadline(seconds_max)
        if noted.step != OPENING:
            _hand_over(sessions, deadline, report)
            prove(proof, sessions, pool)
            report("the children have all rows", deadline.passed_seconds)
            deadline.check("the children are not open yet")
        _open_children(sessions, others, pool)
        report("the children are open", deadline.passed_seconds)
        seconds = deadline.passed_seconds if noted.step == PREPARING else None
        _leave(sessions, seconds)


def _leave(sessions: Sessions, seconds: float | None) -> None:
    """Remove what was needed for the switch."""
    for child in sessions.children:
        # not before: it locks others of the same server out
        child.session.run("child", "drop_subscription", named=sql.Identifier(child.name))
        sessions.parent.run("parent", "note_opened", {"realm": str(child.child.realm)})
    if sessions.family.is_split:
        QueueCutover(sessions.family).settle()
    drop_traces(sessions)
    sessions.parent.run("parent", "set_step", {"step": SWITCHED, "seconds": seconds})


def _check(sessions: Sessions, pool: Executor, seconds_max: float, report: Report) -> Proof:
    """Look at all that can be known before, while the parent works.

    Returns what is still to be proved. Raises `PreconditionFailed`.
    """
    check_versions(sessions)
    for child in sessions.children:
        rows = child.session.run("child", "copied", {"name": child.name})
        if not rows or not all(row.is_ready for row in rows):
            raise PreconditionFailed(
                f"{child.child.name} is not ready: run `shards prepare` to continue"
            )
        check_stream(sessions, child)
        attach(child)
    check_lag(sessions)
    refuse(list(foreign_rows(sessions.parent, sessions.family.parent.realm)))
    proof, seconds = prove_beforehand(sessions, pool, Deadline(_LAG_SECONDS_MAX))
    report(f"the children have what the parent has: compared in {duration(seconds)}", 0.0)
    if seconds > seconds_max / 2:
        raise PreconditionFailed(
            f"to compare the children with the parent takes {duration(seconds)}, for which the"
            f" messages would wait: allow for more than {duration(seconds_max)} (--seconds-max)"
        )
    if sessions.family.is_split:
        relay = QueueCutover(sessions.family)
        relay.unbind_children()
        check_queue(relay)
        refuse(list(relay.problems()))
    report(
        f"messages wait now, for {duration(seconds_max)} at most: then all will be as before", 0.0
    )
    sessions.parent.run("parent", "set_step", {"step": SWITCHING, "seconds": None})
    return proof


def _hand_over(sessions: Sessions, deadline: Deadline, report: Report) -> None:
    """Messages go to the children, or wait for them; the parent has done all that came before."""
    family, parent = sessions.family, sessions.parent
    relay = QueueCutover(family)

    def tell(what: str) -> None:
        report(what, deadline.passed_seconds)

    if family.is_split:
        relay.switch()
        tell("messages are routed to the queues of the children")
        drain(relay, parent, family.parent, deadline, tell)
        tell("the parent has processed all earlier messages")
    else:
        stop_consumers(relay, parent, deadline, tell)
        tell("the queue has no consumers")
    close_parent(parent, deadline)
    tell("the parent's database is closed for writing")
    for child in sessions.children:
        check_stream(sessions, child)
        attach(child)
    hear(sessions, deadline)


def _open_children(sessions: Sessions, others: Sequence[OperatorSession], pool: Executor) -> None:
    """Let all children begin at once: nothing is taken back after the first one.

    The others are sessions with the parent's database, one for each child.
    """
    left = [(o, c) for o, c in zip(others, sessions.children, strict=True) if not has_begun(c)]
    with ExitStack() as stack:
        for _, child in left:
            detach(child)
            stack.enter_context(child.session.connection.transaction())
        list(pool.map(lambda pair: _fill(*pair), left))
        if len(left) == len(sessions.children):
            _prove_copied(sessions)
        sessions.parent.run("parent", "set_step", {"step": OPENING, "seconds": None})


def _prove_copied(sessions: Sessions) -> None:
    proof, own = Proof(sessions.parent), [child.session for child in sessions.children]
    found = [proof.digests(session, COPIED) for session in own]
    proof.compare(proof.digests(sessions.parent, COPIED), list(zip(own, found, strict=True)))
    keep(sessions, found)


def _fill(parent: OperatorSession, child: ChildSession) -> None:
    """Give the child its rows of queues and outboxes, and let it begin: in a transaction."""
    session = child.session
    session.run("books", "unfence")
    for table in OWNED:
        _copy(parent, session, table, child.child.realm)
    for table in SHARED:
        _copy(parent, session, table, None)
    _settle_changes_of_others(parent, session, child.child.realm)
    for sequence in parent.run("books", "sequences"):
        values = {"name": sequence.name, "value": sequence.last_value}
        session.run("books", "set_sequence", values)
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


def _copy(
    parent: OperatorSession, session: OperatorSession, table: str, realm: Realm | None
) -> None:
    """Copy the rows of a realm, or all of them."""
    names = {"table": sql.Identifier(table), "columns": columns_of(parent, [table])[table]}
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
