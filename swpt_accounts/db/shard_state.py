"""The state of a shard that is being split: who may use which database, and when.

Marks are tables in a schema that exists only in the databases of a split. There is no row, and
no right to read one, that a session would need to see them.
"""

from collections.abc import Collection
from typing import Final

from swpt_accounts.db.errors import ShardClosedError

SCHEMA: Final = "swpt_accounts_split"
LEAVE: Final = "consumers_leave"
"""The consumers of the parent stop: the command consumes what is left in its queue."""
SWITCHED: Final = "has_switched"
"""The database of the parent is closed for writing."""
WAITS: Final = "waits_for_switch"
"""The database of a child is incomplete: it may not even be read."""

NOT_YET: Final = (
    "this database is being filled from that of another shard; it can be used after `shards switch`"
)


def refuse_where_closed(marks: Collection[str], *, is_read_only: bool) -> None:
    """Raises `ShardClosedError` where a session may not work."""
    if WAITS in marks:
        raise ShardClosedError(NOT_YET)
    if SWITCHED in marks and not is_read_only:
        raise ShardClosedError(
            "other shards have taken over from this shard (see `shards status`): stop its services"
        )


def refuse_consumers(marks: Collection[str]) -> None:
    """Raises `ShardClosedError` if messages may not be consumed."""
    if LEAVE in marks:
        raise ShardClosedError("`shards switch` drains the queue of this shard: not consuming")
