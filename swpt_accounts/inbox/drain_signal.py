"""Consumers of a shard that is split make room when they are asked to (`shards switch`)."""

from time import monotonic
from typing import Final

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.queries import query
from swpt_accounts.db.shard_state import refuse_consumers

# A split is prepared for longer than that; in the switch itself, every moment counts.
_IDLE_SECONDS: Final = 10.0
_SPLITTING_SECONDS: Final = 0.3


class DrainSignal:
    """When to look, and what was seen."""

    def __init__(self) -> None:
        self._look_at = 0.0
        self._statement = query("split_marks").encode()

    @property
    def rest_seconds(self) -> float:
        """For how long nobody has to look."""
        return self._look_at - monotonic()

    def put_off(self) -> None:
        """Look later."""
        self._look_at = monotonic() + _IDLE_SECONDS

    def look(self, connection: DatabaseConnection) -> None:
        """Raises `ShardClosedError` where consumers have to leave, and `psycopg.Error`."""
        marks = [mark for mark in connection.probe(self._statement) if mark is not None]
        refuse_consumers(marks)
        self._look_at = monotonic() + (_SPLITTING_SECONDS if marks else _IDLE_SECONDS)
