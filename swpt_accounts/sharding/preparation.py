"""Prepares queues and databases of the children, while the parent works."""

from time import monotonic, sleep
from typing import Any, Final

from psycopg import sql

from swpt_accounts.core.progress import Progress
from swpt_accounts.db.operator_session import PreconditionFailed
from swpt_accounts.sharding.preflight import check_versions, survey
from swpt_accounts.sharding.queue_cutover import QueueCutover
from swpt_accounts.sharding.sessions import (
    PREPARING,
    ChildSession,
    Sessions,
    read_noted,
    require_noted,
)
from swpt_accounts.sharding.streams import check_lag, check_stream, make_stream
from swpt_accounts.sharding.tables import FILTERED, WHOLE, change_tables, published, put_fence

_POLL_SECONDS: Final = 0.2
_LOOK_SECONDS: Final = 5.0
# A table is tried again by PostgreSQL, after pauses of its own.
STUCK_SECONDS_MAX: Final = 600.0


def prepare(sessions: Sessions, address: str, progress: Progress) -> list[str]:
    """Begin, or continue. The children's servers find the parent's at the address.

    Returns what an operator should know. Raises `PreconditionFailed`, `psycopg.Error`, `AMQPError`,
    `TopologyError`.
    """
    with sessions.parent.one_at_a_time():
        warnings: list[str] = []
        if read_noted(sessions.parent) is None:
            warnings = survey(sessions).warnings
            _begin(sessions)
        require_noted(sessions, PREPARING)
        check_versions(sessions)
        _publish(sessions)
        if sessions.family.is_split:
            QueueCutover(sessions.family).prepare()
        for child in sessions.children:
            _make_child_ready(sessions, child)
            make_stream(sessions, child, address)
        wait_for_copies(sessions, progress)
        check_lag(sessions)
    return warnings


def _begin(sessions: Sessions) -> None:
    """Note in the parent's database who the children are."""
    parent, family = sessions.parent, sessions.family
    with parent.connection.transaction():
        parent.run_all("parent", "make_state")
        queue = family.parent.protocol_broker_queue
        parent.run("parent", "note_split", {"realm": str(family.parent.realm), "queue": queue})
        for child in sessions.children:
            parent.run(
                "parent",
                "note_child",
                {
                    "realm": str(child.child.realm),
                    "queue": child.child.queue,
                    "identity": child.identity,
                    "name": child.name,
                },
            )


def _publish(sessions: Sessions) -> None:
    """Publish the tables. What an update has changed is found by the whole old row: before."""
    parent = sessions.parent
    names = [child.name for child in sessions.children]
    if len(parent.run("parent", "publications", {"names": names})) == len(names):
        return

    def publish() -> None:
        parent.run("parent", "whole_old_rows")
        for child in sessions.children:
            tables = sql.SQL(published(child.child.realm))
            parent.run("parent", "publish", named=sql.Identifier(child.name), tables=tables)

    change_tables(parent, publish)


def _make_child_ready(sessions: Sessions, child: ChildSession) -> None:
    """Close the database of the child, which can receive rows from now on."""
    session = child.session
    if session.run("child", "has_origin")[0].found:
        (origin,) = session.run("child", "read_origin")
        if (origin.identity, origin.realm) != (sessions.identity, str(child.child.realm)):
            raise PreconditionFailed(
                f"{child.child.name}: this database is being filled from another parent"
            )
        return

    def close() -> None:
        session.run_all("child", "make_state")
        origin_row = {"identity": sessions.identity, "realm": str(child.child.realm)}
        session.run("child", "note_origin", origin_row)
        session.run_all("child", "note_realm", realm=sql.Literal(str(child.child.realm)))
        session.run("child", "make_key")
        put_fence(session)

    change_tables(session, close)


def wait_for_copies(sessions: Sessions, progress: Progress) -> None:
    """Wait until each child has all rows, and is up to date.

    Raises `PreconditionFailed` if no rows arrive for long.
    """
    expected = _expected_rows(sessions)
    progress.begin("rows to copy to the children", sum(map(sum, (e.values() for e in expected))))
    looked_at = changed_at = monotonic()
    before = -1
    while True:
        found = [c.session.run("child", "copied", {"name": c.name}) for c in sessions.children]
        done = sum(map(_rows_done, found, expected))
        if done != before:
            before, changed_at = done, monotonic()
        progress.note(done)
        if all(rows and all(row.is_ready for row in rows) for rows in found):
            break
        if monotonic() - looked_at > _LOOK_SECONDS:
            looked_at = monotonic()
            _check_streams(sessions, looked_at - changed_at)
        sleep(_POLL_SECONDS)
    progress.end()


def _check_streams(sessions: Sessions, silence_seconds: float) -> None:
    for child in sessions.children:
        check_stream(sessions, child)
    if silence_seconds > STUCK_SECONDS_MAX:
        raise PreconditionFailed(
            f"the children have received no rows for {STUCK_SECONDS_MAX:.0f} s: check the logs of"
            " their servers"
        )


def _expected_rows(sessions: Sessions) -> list[dict[str, int]]:
    """For each child, about how many rows of each table there will be, and one more."""
    tables = [*FILTERED, *WHOLE]
    found = sessions.parent.run("preflight", "estimates", {"tables": tables})
    parts = len(sessions.children)
    rows = {
        row.table: row.rows_count // (parts if row.table in FILTERED else 1) + 1 for row in found
    }
    return [rows] * parts


def _rows_done(found: list[Any], expected: dict[str, int]) -> int:
    return sum(
        expected.get(row.table, 0)
        if row.is_ready
        else min(row.rows_count, expected.get(row.table, 0))
        for row in found
    )
