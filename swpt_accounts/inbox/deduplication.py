"""Which messages were handled before: by this shard, or by its parent."""

import sys
from array import array
from bisect import bisect_left
from collections import deque
from dataclasses import replace
from time import monotonic

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.procedures import FIND_HANDLED, FORGET_HANDLED, STARTS_OF_HANDLED
from swpt_accounts.inbox.batch import ReceivedMessage

# How long after its commit a message may be delivered again: the broker notices a lost
# connection within minutes. After an outage nothing is forgotten until the broker has had the
# time to deliver again what was on its way when the outage began.
KEPT_SECONDS = 900.0
FORGET_SECONDS = 60.0
FORGET_AFTER_SECONDS = 600.0
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
    """Forgets what was handled long ago by the clock of this process, which knows no steps.

    It notes the last row of `handled_batch` from time to time, and later removes all rows up to it.
    """

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int]] = deque()
        self._due_at = 0.0

    def pause(self) -> None:
        """Forget nothing for a while: the broker may deliver again."""
        self._due_at = monotonic() + FORGET_AFTER_SECONDS

    def forget(self, connection: DatabaseConnection) -> None:
        """Remove some old rows, if it is time to. Raises `psycopg.Error`."""
        now = monotonic()
        if now < self._due_at:
            return
        old_id = 0
        for moment, last_id in self._marks:
            if moment <= now - KEPT_SECONDS:
                old_id = last_id
        found = connection.call(FORGET_HANDLED, up_to_id=old_id, count_max=FORGET_COUNT_MAX)
        if found.forgotten == FORGET_COUNT_MAX:
            return
        while self._marks and self._marks[0][1] <= old_id:
            self._marks.popleft()
        if found.last_id is not None:
            if self._marks and found.last_id < self._marks[-1][1]:
                # an older state of the database
                self._marks.clear()
            self._marks.append((now, found.last_id))
        self._due_at = now + FORGET_SECONDS


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
