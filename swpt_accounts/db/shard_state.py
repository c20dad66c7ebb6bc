"""The gate of a shard that is being split: who may work in which database, and when.

Marks are tables in a schema that exists only in the databases of a split. There is no row, and
no right to read one, that a session would need to see them.
"""

from collections.abc import Collection
from typing import Final

from swpt_accounts.db.errors import ShardClosedError

SCHEMA: Final = "swpt_accounts_split"
LEAVE: Final = "consumers_leave"
"""The consumers of the parent make room: what is left in its queue is taken in by the command."""
SWITCHED: Final = "has_switched"
"""Nobody writes into the database of the parent any more."""
WAITS: Final = "waits_for_switch"
"""The database of a child is not complete: nobody may even read it."""


def refuse_where_closed(marks: Collection[str], *, is_read_only: bool) -> None:
    """Raises `ShardClosedError` where a session may not work."""
    if WAITS in marks:
        raise ShardClosedError(
            "this database is being filled from that of another shard: work begins with"
            " `shards switch`"
        )
    if SWITCHED in marks and not is_read_only:
        raise ShardClosedError(
            "this shard has handed over to others (`shards status`): its services can be stopped"
        )


def refuse_consumers(marks: Collection[str]) -> None:
    """Raises `ShardClosedError` where nobody may consume messages."""
    if LEAVE in marks:
        raise ShardClosedError(
            "the queue of this shard is drained by `shards switch`: consuming nothing"
        )
