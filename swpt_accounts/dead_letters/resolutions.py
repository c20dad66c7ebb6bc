"""What was done with dead letters: single messages cannot be removed from a stream."""

from collections.abc import Sequence
from enum import StrEnum

from swpt_accounts.broker.topology import dead_letter_queue
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.procedures import (
    FIND_DEALT_WITH,
    FORGET_DEALT_WITH,
    LOCK_DEAD_LETTERS,
    MARK_DEALT_WITH,
    UNMARK_DEALT_WITH,
)
from swpt_accounts.dead_letters.letter import Letter


class LetterState(StrEnum):
    """What became of a letter. One that is being replayed may have been sent, or not."""

    OPEN = "open"
    REPLAYING = "replaying"
    REPLAYED = "replayed"
    DISCARDED = "discarded"

    @property
    def needs_attention(self) -> bool:
        return self in (LetterState.OPEN, LetterState.REPLAYING)


class Register:
    """The handled letters of the dead-letter queue of a queue."""

    def __init__(self, connection: DatabaseConnection, queue: str) -> None:
        self._connection = connection
        self._name = dead_letter_queue(queue)

    def lock(self) -> bool:
        """Lock the letters for this connection. Returns False if another one has the lock."""
        return bool(self._connection.call_value(LOCK_DEAD_LETTERS))

    def states(self, letters: Sequence[Letter]) -> list[LetterState]:
        rows = self._connection.call_table(
            FIND_DEALT_WITH,
            queue=self._name,
            stream_offset=[letter.offset for letter in letters],
            digest=[letter.digest for letter in letters],
        )
        found = {(row.stream_offset, row.digest): LetterState(row.state) for row in rows}
        return [found.get((letter.offset, letter.digest), LetterState.OPEN) for letter in letters]

    def mark(self, letters: Sequence[Letter], state: LetterState) -> None:
        self._connection.call(
            MARK_DEALT_WITH,
            queue=self._name,
            stream_offset=[letter.offset for letter in letters],
            digest=[letter.digest for letter in letters],
            state=state.value,
        )

    def unmark(self, letters: Sequence[Letter]) -> None:
        self._connection.call(
            UNMARK_DEALT_WITH,
            queue=self._name,
            stream_offset=[letter.offset for letter in letters],
            digest=[letter.digest for letter in letters],
        )

    def forget_before(self, offset: int) -> None:
        """Forget the letters that the stream has not any more: those before this offset."""
        self._connection.call(FORGET_DEALT_WITH, queue=self._name, first_offset=offset)
