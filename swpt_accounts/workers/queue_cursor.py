"""Where in a queue table to search for work."""

import time
from collections import deque

TRAIL_SECONDS = 1.0
FULL_SCAN_SECONDS_MIN = 2.0
# While no rows come, full scans get rarer, up to this: nothing is late then, most likely.
FULL_SCAN_SECONDS_IDLE = 10.0
# A full scan may take this part of the time. A flusher reads eight tables.
FULL_SCAN_SHARE = 0.01
# However long a full scan takes, the next one comes after so long.
FULL_SCAN_SECONDS_MAX = 10.0


class QueueCursor:
    """Keeps a worker from reading rows that are gone already.

    Removed rows stay in the table and its index until vacuum may take them, which a long
    transaction of another session can put off. So a search starts after the rows that were
    all seen some seconds ago. A row with a lower id that was committed later than that, or that
    was left, is found by a full scan: a search that starts at the beginning, from time to time.
    """

    def __init__(self) -> None:
        self._floor = 0
        self._position = 0
        self._marks: deque[tuple[float, int]] = deque()
        self._is_full = True
        self._search_started_at: float | None = None
        self._full_scan_at = 0.0
        self._next_full_scan_at = 0.0
        self._has_seen_rows = False
        self._pause_seconds = FULL_SCAN_SECONDS_MIN

    @property
    def after_id(self) -> int:
        """Search for rows with a greater id than this. To be read right before the query."""
        if self._search_started_at is None:
            self._search_started_at = time.monotonic()
        return self._position

    @property
    def is_full_scan(self) -> bool:
        """Whether the next search is a full scan."""
        return self._is_full

    def found_first(self, first_id: int | None) -> None:
        """Note which row the queue begins with: then the search starts with that one."""
        self._has_seen_rows = self._has_seen_rows or first_id is not None
        self._end_search(time.monotonic())
        self._position = self._floor if first_id is None else first_id - 1

    def seen(self, last_id: int | None, *, is_end: bool) -> None:
        """Note what a query has found: the last id, and whether the table ends after it."""
        now = time.monotonic()
        if last_id is not None:
            self._position = last_id
            self._has_seen_rows = True
        self._end_search(now)
        if not self._marks or now - self._marks[-1][0] >= TRAIL_SECONDS / 10:
            self._marks.append((now, self._position))
        while self._marks and self._marks[0][0] <= now - TRAIL_SECONDS:
            self._floor = max(self._floor, self._marks.popleft()[1])
        if is_end:
            self._position = self._floor
        if now >= self._next_full_scan_at:
            self._is_full = True
            self._position = 0

    def request_full_scan(self) -> None:
        """Note that a row should have been found, and was not: a full scan follows soon."""
        soon = self._full_scan_at + FULL_SCAN_SECONDS_MIN
        self._next_full_scan_at = min(self._next_full_scan_at, soon)

    def _end_search(self, now: float) -> None:
        seconds = now - (self._search_started_at or now)
        self._search_started_at = None
        if self._is_full:
            longer = min(2 * self._pause_seconds, FULL_SCAN_SECONDS_IDLE)
            self._pause_seconds = FULL_SCAN_SECONDS_MIN if self._has_seen_rows else longer
            self._has_seen_rows = False
            pause = max(self._pause_seconds, seconds / FULL_SCAN_SHARE)
            self._full_scan_at = now
            self._next_full_scan_at = now + min(pause, FULL_SCAN_SECONDS_MAX)
            self._is_full = False
