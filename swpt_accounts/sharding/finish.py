"""Checks that each child has its own records only, and removes what is left over."""

from pika.exceptions import AMQPError

from swpt_accounts.audit.shard_content import find_foreign_record
from swpt_accounts.broker.connections import describe
from swpt_accounts.broker.topology import delete_chores_queue
from swpt_accounts.db.operator_session import PreconditionFailed
from swpt_accounts.sharding.queue_cutover import QueueCutover
from swpt_accounts.sharding.sessions import (
    FINISHED,
    SWITCHED,
    Sessions,
    require_noted,
)


def finish(sessions: Sessions) -> None:
    """Raises `PreconditionFailed` if something is out of place, `psycopg.Error`, `AMQPError`."""
    with sessions.parent.one_at_a_time():
        noted = require_noted(sessions, SWITCHED, FINISHED)
        if noted.step == FINISHED:
            return
        for child in sessions.children:
            finding = find_foreign_record(child.child.settings)
            if finding is not None:
                raise PreconditionFailed(f"{child.child.name}: {finding}")
        if sessions.family.is_split:
            _delete_queues(sessions)
        for child in sessions.children:
            child.session.run("child", "drop_state")
        sessions.parent.run("parent", "set_step", {"step": FINISHED, "seconds": None})


def _delete_queues(sessions: Sessions) -> None:
    QueueCutover(sessions.family).delete_parents_queue()
    parent = sessions.family.parent
    try:
        delete_chores_queue(
            parent.chores_broker_url,
            parent.chores_broker_queue,
            incoming=parent.protocol_broker_queue,
        )
    except AMQPError as error:
        raise PreconditionFailed(
            f"could not delete the parent's queue of chores: {describe(error)}"
        ) from error
