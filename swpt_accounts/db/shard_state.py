"""Whose database it is, and the state of a shard that is being split: who may use which database,
and when.

Marks are tables in a schema that exists only in the databases of a split. There is no row, and
no right to read one, that a session would need to see them.
"""

from collections.abc import Collection
from typing import Final

from swpt_accounts.core.realm import Realm
from swpt_accounts.db.errors import ShardClosedError, UnsuitableDatabase

SCHEMA: Final = "swpt_accounts_split"
LEAVE: Final = "consumers_leave"
"""The consumers of the parent stop: the command consumes what is left in its queue."""
SWITCHED: Final = "has_switched"
"""The database of the parent is closed for writing."""
WAITS: Final = "waits_for_switch"
"""The database of a child is incomplete: it may not even be read."""
ORIGIN: Final = "origin"
"""The database is that of a child, until `shards finish`."""

TAKEN_OVER: Final = (
    "other shards have taken over from this shard (see `shards status`): stop its services"
)
NOT_YET: Final = (
    "this database is being filled from that of another shard; it can be used after `shards switch`"
)


def wrong_shard(problem: str, realm: Realm) -> UnsuitableDatabase:
    """The database is not for the shard of this realm."""
    return UnsuitableDatabase(
        f"the database is not for the shard {realm}: {problem}. Check POSTGRES_URL and"
        " PROTOCOL_BROKER_QUEUE_ROUTING_KEY"
    )


def refuse_other_shard(known: str | None, realm: Realm) -> None:
    """Raises `UnsuitableDatabase` if the database is known to be another shard's."""
    if known is not None and not realm.is_within(Realm.parse(known)):
        raise wrong_shard(f"it is the database of the shard {known}", realm)


def refuse_where_closed(marks: Collection[str], *, may_be_past: bool) -> None:
    """Raises `ShardClosedError` where a session may not work; or, if it may be past, not read."""
    if WAITS in marks:
        raise ShardClosedError(NOT_YET)
    if SWITCHED in marks and not may_be_past:
        raise ShardClosedError(TAKEN_OVER)


def refuse_consumers(marks: Collection[str]) -> None:
    """Raises `ShardClosedError` if messages may not be consumed."""
    if LEAVE in marks:
        raise ShardClosedError("`shards switch` drains the queue of this shard: not consuming")
