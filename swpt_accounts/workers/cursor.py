"""Where in a queue table to look for work."""

import time
from collections import deque

TRAIL_SECONDS = 1.0
FULL_LOOK_SECONDS_MIN = 2.0
# While no rows come, full searches get rarer, up to this: nothing is late then, most likely.
FULL_LOOK_SECONDS_IDLE = 10.0
# A full search may take this part of the time. A flusher searches eight tables.
FULL_LOOK_SHARE = 0.002


class QueueCursor:
    """Keeps a worker from reading rows that are gone already.

    Removed rows stay in the table and its index until vacuum may take them, which a long
    transaction of another session can put off. So a search starts after the rows that had all
    been taken some seconds ago. A row with a lower id that was committed later than that is
    found by a full search, from time to time.
    """

    def __init__(self) -> None:
        self._floor = 0
        self._position = 0
        self._marks: deque[tuple[float, int]] = deque()
        self._is_complete = True
        self._has_left_rows = False
        self._is_full = True
        self._look_started_at: float | None = None
        self._next_full_look_at = 0.0
        self._has_seen_rows = False
        self._pause_seconds = FULL_LOOK_SECONDS_MIN

    @property
    def after_id(self) -> int:
        """Search for rows with a greater id than this. To be read right before the query."""
        if self._look_started_at is None:
            self._look_started_at = time.monotonic()
        return self._position

    @property
    def has_left_rows(self) -> bool:
        """Whether the last full search had to leave rows to others."""
        return self._has_left_rows

    def seen(self, last_id: int | None, *, is_end: bool, are_all_taken: bool) -> None:
        """Note what a query has found: the last id, and whether the table goes on after it."""
        self._is_complete = self._is_complete and are_all_taken
        if last_id is not None:
            self._position = last_id
            self._has_seen_rows = True
        if is_end:
            self._finish_look()

    def _finish_look(self) -> None:
        now = time.monotonic()
        if self._is_full:
            seconds = now - (self._look_started_at or now)
            longer = min(2 * self._pause_seconds, FULL_LOOK_SECONDS_IDLE)
            self._pause_seconds = FULL_LOOK_SECONDS_MIN if self._has_seen_rows else longer
            self._has_seen_rows = False
            self._next_full_look_at = now + max(self._pause_seconds, seconds / FULL_LOOK_SHARE)
        if self._is_complete:
            if not self._marks or now - self._marks[-1][0] >= TRAIL_SECONDS / 10:
                self._marks.append((now, self._position))
            while self._marks and self._marks[0][0] <= now - TRAIL_SECONDS:
                self._floor = max(self._floor, self._marks.popleft()[1])
        self._has_left_rows = not self._is_complete
        self._is_full = now >= self._next_full_look_at
        self._position = 0 if self._is_full else self._floor
        self._is_complete = True
        self._look_started_at = None
