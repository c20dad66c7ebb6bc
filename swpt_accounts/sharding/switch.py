"""The moment in which the children take over."""

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from time import monotonic, sleep
from typing import Final

from psycopg import sql

from swpt_accounts.core.progress import Progress
from swpt_accounts.db.operator_session import PreconditionFailed
from swpt_accounts.sharding.drain import check_queue, drain, let_leave
from swpt_accounts.sharding.fence import change_tables, close_parent
from swpt_accounts.sharding.handover import (
    LAST_WORD,
    compare,
    open_child,
    receive_all,
    sums_of,
)
from swpt_accounts.sharding.preflight import check_versions, refuse
from swpt_accounts.sharding.preparation import check_lag
from swpt_accounts.sharding.queue_cutover import Relay
from swpt_accounts.sharding.sessions import (
    PREPARING,
    SWITCHED,
    SWITCHING,
    Sessions,
    open_session,
    require_noted,
)

_SLOT_SECONDS_MAX: Final = 60.0
_POLL_SECONDS: Final = 0.05

# Is told what was done, and how many seconds after the messages began to wait.
Told = Callable[[str, float], None]


def switch(sessions: Sessions, progress: Progress, told: Told) -> None:
    """Let the children take over, or go on where that was.

    Raises `PreconditionFailed`, `psycopg.Error`, `AMQPError`.
    """
    with sessions.parent.one_at_a_time(), ExitStack() as stack:
        noted = require_noted(sessions, PREPARING, SWITCHING, SWITCHED)
        if noted.step == SWITCHED:
            return
        relay = Relay(sessions.family)
        if noted.step == PREPARING:
            _check(sessions, relay)
        seconds = _hand_over(sessions, relay, stack, progress, told)
        if sessions.family.is_split:
            relay.settle()
        drop_traces(sessions)
        is_measured = noted.step == PREPARING
        values = {"step": SWITCHED, "seconds": seconds if is_measured else None}
        sessions.parent.run("parent", "set_step", values)


def _check(sessions: Sessions, relay: Relay) -> None:
    """From here it goes forward only; so all that can be known is looked at before."""
    check_versions(sessions)
    names = {child.name: child for child in sessions.children}
    found = {row.name for row in sessions.parent.run("parent", "slots", {"names": [*names]})}
    for name, child in names.items():
        rows = child.session.run("child", "copied", {"name": name})
        if name not in found or not rows or not all(row.is_ready for row in rows):
            raise PreconditionFailed(
                f"{child.child.name} is not ready: `shards prepare` goes on with it"
            )
    check_lag(sessions)
    if sessions.family.is_split:
        check_queue(relay)
        refuse(list(relay.problems()))
    sessions.parent.run("parent", "set_step", {"step": SWITCHING, "seconds": None})


def _hand_over(
    sessions: Sessions, relay: Relay, stack: ExitStack, progress: Progress, told: Told
) -> float:
    """Returns for how many seconds nobody has worked."""
    family, parent = sessions.family, sessions.parent
    others = [stack.enter_context(open_session(family.parent)) for _ in sessions.children]
    began_at = monotonic()
    if family.is_split:
        relay.switch()
        told("messages go to the queues of the children", monotonic() - began_at)
        drain(relay, parent, family.parent, progress)
        told("the parent has handled all that came before", monotonic() - began_at)
    else:
        let_leave(relay, parent)
        told("nobody consumes the queue", monotonic() - began_at)
    close_parent(parent)
    parent.run("parent", "beat", {"word": LAST_WORD})
    told("nobody writes into the parent's database", monotonic() - began_at)
    with ThreadPoolExecutor(len(others) + 1) as pool:
        _prove(sessions, pool)
        told("the children have everything", monotonic() - began_at)
        list(pool.map(open_child, others, sessions.children))
    told("the children work", monotonic() - began_at)
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
            raise PreconditionFailed(
                f"the replication slot {slots[0].name!r} is still used by somebody"
            )
        sleep(_POLL_SECONDS)
