"""The streams from the parent to its children: slots, subscriptions, and whether one is unbroken.

A slot that is made anew sends what is written from then on, and a subscription goes on with it and
says nothing: what was written in between is missing for ever.
"""

from time import monotonic, sleep
from typing import Final

from psycopg import sql

from swpt_accounts.db.operator_session import OperatorSession, PreconditionFailed
from swpt_accounts.db.outage_reporter import Backoff
from swpt_accounts.sharding.sessions import ChildSession, Deadline, Sessions
from swpt_accounts.sharding.tables import change_tables

_LAG_SECONDS_MAX: Final = 20.0
_POLL_SECONDS: Final = 0.02
_LAG_POLL_SECONDS: Final = 0.2
_STOP_SECONDS_MAX: Final = 60.0
_SLOT_SECONDS_MAX: Final = 60.0
_START_OVER: Final = "rows may be missing. Run `shards undo`, and start over with `shards prepare`"


def make_stream(sessions: Sessions, child: ChildSession, address: str) -> None:
    """Let the child receive what the parent has, and what it writes from now on.

    Raises `PreconditionFailed` if that has begun, and was interrupted.
    """
    if child.session.run("child", "subscription", {"name": child.name}):
        check_stream(sessions, child)
        attach(child)
        return
    drop_slot(sessions, child.name)
    timelines = {"parent": _timeline(sessions.parent), "child": _timeline(child.session)}
    sessions.parent.run("parent", "note_stream", {"name": child.name, **timelines})
    sessions.parent.run("parent", "make_slot", {"name": child.name})
    child.session.run(
        "child",
        "subscribe",
        named=sql.Identifier(child.name),
        slot=sql.Literal(child.name),
        address=sql.Literal(address),
    )


def check_stream(sessions: Sessions, child: ChildSession) -> None:
    """Raise `PreconditionFailed` if the child may lack something of what the parent has written."""
    for problem in _breaks(sessions, child):
        raise PreconditionFailed(f"{child.child.name}: {problem}: {_START_OVER}")


def _breaks(sessions: Sessions, child: ChildSession) -> list[str]:
    parent = sessions.parent
    (noted,) = parent.run("parent", "read_stream", {"name": child.name})
    slots = parent.run("parent", "slots", {"names": [child.name]})
    numbers = [row.number for row in child.session.run("child", "beat")]
    found = {
        f"the replication slot {child.name!r} of the parent is gone": not slots,
        "the parent's server has removed WAL that was not received yet (max_slot_wal_keep_size)": (
            any(slot.wal_status == "lost" for slot in slots)
        ),
        "another server has taken the place of the parent's, or it was restored": (
            _timeline(parent) != noted.parent_timeline
        ),
        "another server has taken the place of the child's, or it was restored": (
            _timeline(child.session) != noted.child_timeline
        ),
        "the child has lost what it had received": any(n < noted.heard for n in numbers),
        "the parent has lost what the child has received": any(n > noted.said for n in numbers),
    }
    return [problem for problem, is_there in found.items() if is_there]


def _timeline(session: OperatorSession) -> str:
    return str(session.run("preflight", "timeline")[0].timeline)


def check_lag(sessions: Sessions) -> None:
    """Raise `PreconditionFailed` unless each child soon has what the parent writes now."""
    hear(sessions, Deadline(_LAG_SECONDS_MAX))


def hear(sessions: Sessions, deadline: Deadline) -> None:
    """Wait until each child has what the parent has written up to now.

    Raises `PreconditionFailed`.
    """
    parent = sessions.parent
    ((number,),) = parent.run("parent", "beat")
    for child in sessions.children:
        pauses = Backoff(_POLL_SECONDS, _LAG_POLL_SECONDS)
        while all(row.number < number for row in child.session.run("child", "beat")):
            if not deadline.rest_seconds:
                check_stream(sessions, child)
            deadline.check(
                f"{child.child.name} still lags behind the parent: check the log of its server"
            )
            sleep(pauses.next())
        parent.run("parent", "note_heard", {"number": number, "name": child.name})


def attach(child: ChildSession) -> None:
    """Let a child that was detached receive again."""
    found = child.session.run("child", "subscription", {"name": child.name})
    if found and found[0].slot is None:
        names = {"named": sql.Identifier(child.name), "slot": sql.Literal(child.name)}
        child.session.run_all("child", "attach", **names)


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
            sleep(_POLL_SECONDS)


def drop_traces(sessions: Sessions) -> None:
    """The parent's server keeps and publishes nothing for the children any more."""
    parent = sessions.parent

    def unpublish() -> None:
        for name in sessions.names:
            parent.run("parent", "unpublish", named=sql.Identifier(name))
        parent.run("parent", "usual_old_rows")

    change_tables(parent, unpublish)
    copying = [slot.name for slot in parent.run("parent", "copying_slots")]
    for name in (*sessions.names, *copying):
        drop_slot(sessions, name)


def drop_slot(sessions: Sessions, name: str) -> None:
    """Drop a slot, if it exists, also while a subscription that is out of reach uses it."""
    parent, deadline = sessions.parent, Deadline(_SLOT_SECONDS_MAX)
    while parent.run("parent", "slots", {"names": [name]}):
        deadline.check(f"the replication slot {name!r} is still in use")
        parent.run("parent", "end_sender", {"name": name})
        parent.run("parent", "drop_slot", {"name": name})
        sleep(_POLL_SECONDS)
