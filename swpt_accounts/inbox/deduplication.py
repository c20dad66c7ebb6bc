"""Which messages were handled before: by this shard, or by its parent."""

import sys
from array import array
from bisect import bisect_left
from dataclasses import replace
from datetime import timedelta
from time import monotonic

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.procedures import FIND_HANDLED, FORGET_HANDLED, STARTS_OF_HANDLED
from swpt_accounts.inbox.batch import ReceivedMessage

# How long after its commit a message may be delivered again: the broker notices a lost
# connection within minutes. After an outage, what was on its way when it began is the first that
# comes: until then, nothing is forgotten.
KEPT = timedelta(minutes=30)
FORGET_SECONDS = 60.0
FORGET_AFTER_SECONDS = 10.0
FORGET_COUNT_MAX = 10_000
# Of a parent's, those of its last minutes matter: 8 bytes for each message.
PARENT_COUNT_MAX = 4_000_000
_START_BYTES = 8


def without_handled(
    connection: DatabaseConnection, counted: list[ReceivedMessage], *, is_repeated: bool
) -> list[ReceivedMessage]:
    """The messages that were not handled before. Without `is_repeated`, only those that are
    redelivered can have been.
    """
    doubtful = [r.digest for r in counted if is_repeated or r.delivery.is_redelivered]
    if not doubtful:
        return counted
    handled = set(connection.call_value(FIND_HANDLED, digests=doubtful))
    copied = {r.digest for r in counted if r.delivery.is_copy}
    new: list[ReceivedMessage] = []
    for message in counted:
        digest = message.digest
        if digest in handled and (is_repeated or message.delivery.is_redelivered):
            continue
        if digest in copied:
            # The message and its copy may be in the same batch.
            handled.add(digest)
        new.append(message)
    return new


class DigestRetention:
    """Forgets from time to time what was handled long ago, by whomever."""

    def __init__(self) -> None:
        self.pause()

    def pause(self) -> None:
        """Forget nothing for a moment: the broker may deliver again."""
        self._due_at = monotonic() + FORGET_AFTER_SECONDS

    @property
    def is_due(self) -> bool:
        return monotonic() >= self._due_at

    def forget(self, connection: DatabaseConnection) -> None:
        """Remove some old rows. Raises `psycopg.Error`."""
        forgotten = connection.call_value(FORGET_HANDLED, age=KEPT, count_max=FORGET_COUNT_MAX)
        if forgotten < FORGET_COUNT_MAX:
            self._due_at = monotonic() + FORGET_SECONDS


class HandledByParent:
    """Recognises, in a child of a split shard, what the parent may have handled before.

    When the children's queues are bound before that of the parent is unbound, some messages are
    in both, without a mark. The parent has drained its queue when its database becomes the
    children's, so its digests are all there when the first batch of a child is handled.
    """

    def __init__(self) -> None:
        self._starts: array[int] | None = None

    def mark(
        self, connection: DatabaseConnection, received: list[ReceivedMessage]
    ) -> list[ReceivedMessage]:
        """The same messages; those that may have been handled count as redelivered.

        Raises `psycopg.Error`.
        """
        starts = self._starts
        if starts is None:
            found = connection.call(STARTS_OF_HANDLED, count_max=PARENT_COUNT_MAX)
            starts = array("Q", found.starts)
            if sys.byteorder == "little":
                starts.byteswap()
            if not found.is_incomplete:
                self._starts = starts
        return [_doubted(r) if _contains(starts, r) else r for r in received]


def _contains(starts: "array[int]", received: ReceivedMessage) -> bool:
    start = int.from_bytes(received.digest[:_START_BYTES], "big")
    place = bisect_left(starts, start)
    return place < len(starts) and starts[place] == start


def _doubted(received: ReceivedMessage) -> ReceivedMessage:
    return replace(received, delivery=replace(received.delivery, is_redelivered=True))
