"""The cursor over a queue: it looks past what is gone, and overlooks nothing for long."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swpt_accounts.workers import queue_cursor as cursor_module
from swpt_accounts.workers.queue_cursor import (
    FULL_SCAN_SECONDS_IDLE,
    FULL_SCAN_SECONDS_MAX,
    FULL_SCAN_SECONDS_MIN,
    FULL_SCAN_SHARE,
    TRAIL_SECONDS,
    QueueCursor,
)


@dataclass
class Clock:
    """Stands for the module `time`."""

    now: float = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(cursor_module, "time", made)
    return made


def look(cursor: QueueCursor, last_id: int | None = None) -> int:
    """A look of one query, which finds this last id. Returns where it started."""
    start = cursor.after_id
    cursor.seen(last_id, is_end=True)
    return start


def full_look(cursor: QueueCursor, last_id: int | None = None) -> None:
    assert cursor.is_full_scan
    assert look(cursor, last_id) == 0


def test_first_look_starts_at_the_beginning(clock: Clock) -> None:
    assert QueueCursor().after_id == 0


def test_queries_of_a_look_go_on_where_the_last_one_ended(clock: Clock) -> None:
    cursor = QueueCursor()
    cursor.seen(7, is_end=False)
    assert cursor.after_id == 7
    cursor.seen(9, is_end=False)
    assert cursor.after_id == 9


def test_rows_that_are_gone_are_looked_past_after_a_while(clock: Clock) -> None:
    cursor = QueueCursor()
    full_look(cursor, 100)
    clock.now += TRAIL_SECONDS - 0.01
    assert look(cursor, 200) == 0
    clock.now += 0.01
    assert look(cursor, 300) == 0
    # the first look had seen all up to 100, and that is long enough ago
    assert look(cursor) == 100


def test_empty_look_does_not_move_anything(clock: Clock) -> None:
    cursor = QueueCursor()
    full_look(cursor, 100)
    for _ in range(3):
        clock.now += TRAIL_SECONDS / 2
        look(cursor)
    assert cursor.after_id == 100


def starts(
    cursor: QueueCursor, clock: Clock, seconds: float, last_id: int | None = None
) -> list[float]:
    """The moments of the full looks, while there is a look every quarter of a second."""
    full = []
    end = clock.now + seconds
    while clock.now < end:
        clock.now += 0.25
        is_full = cursor.is_full_scan
        assert (look(cursor, last_id) == 0) == is_full
        if is_full:
            full.append(clock.now)
    return full


def pauses(moments: list[float]) -> list[float]:
    return [b - a for a, b in pairwise(moments)]


LATE = 0.25  # the look that finds out is a short one


def test_full_looks_come_again(clock: Clock) -> None:
    cursor = QueueCursor()
    full_look(cursor, 100)
    clock.now += TRAIL_SECONDS
    look(cursor, 100)
    found = pauses(starts(cursor, clock, 30.0, 100))
    assert len(found) > 5
    assert all(FULL_SCAN_SECONDS_MIN <= p <= FULL_SCAN_SECONDS_MIN + LATE for p in found)


def test_full_looks_get_rarer_while_no_rows_come(clock: Clock) -> None:
    cursor = QueueCursor()
    full_look(cursor, 100)
    clock.now += TRAIL_SECONDS
    look(cursor)
    found = pauses(starts(cursor, clock, 100.0))
    assert found[-3:] == [FULL_SCAN_SECONDS_IDLE + LATE] * 3
    assert max(found) == FULL_SCAN_SECONDS_IDLE + LATE
    # rows bring back the short pauses
    assert max(pauses(starts(cursor, clock, 30.0, 101))[2:]) <= FULL_SCAN_SECONDS_MIN + LATE


@pytest.mark.parametrize("seconds", [3.0, 600.0])
def test_next_full_look_comes_after_seconds_however_long_one_takes(
    clock: Clock, seconds: float
) -> None:
    cursor = QueueCursor()
    assert cursor.after_id == 0
    clock.now += seconds
    cursor.seen(100, is_end=True)
    began_at = clock.now
    clock.now += TRAIL_SECONDS
    look(cursor, 100)
    (first, *_) = starts(cursor, clock, 2 * FULL_SCAN_SECONDS_MAX, 100)
    assert first - began_at <= FULL_SCAN_SECONDS_MAX + LATE


def test_longer_full_looks_are_rarer(clock: Clock) -> None:
    cursor = QueueCursor()
    assert cursor.after_id == 0
    clock.now += 0.05
    cursor.seen(100, is_end=True)
    rests_until = clock.now + 0.05 / FULL_SCAN_SHARE
    clock.now += TRAIL_SECONDS
    look(cursor, 100)
    (first, *_) = starts(cursor, clock, 2 * FULL_SCAN_SECONDS_MAX, 100)
    assert rests_until <= first <= rests_until + LATE


def test_full_looks_come_also_while_the_queue_does_not_end(clock: Clock) -> None:
    cursor = QueueCursor()
    full = 0
    for last_id in range(1, 1000):
        if cursor.is_full_scan:
            full += 1
            assert cursor.after_id == 0
            cursor.found_first(last_id)
        assert cursor.after_id == last_id - 1
        cursor.seen(last_id, is_end=False)
        clock.now += 0.1
    assert full >= 100 / (FULL_SCAN_SECONDS_MIN + 0.2) - 1


def test_search_for_the_first_row_is_what_counts(clock: Clock) -> None:
    """The work that follows a search does not put off the next one."""
    cursor = QueueCursor()
    assert cursor.after_id == 0
    cursor.found_first(5)
    assert not cursor.is_full_scan
    assert cursor.after_id == 4
    clock.now += FULL_SCAN_SECONDS_MIN
    cursor.seen(5, is_end=True)
    assert cursor.is_full_scan


def test_full_look_that_finds_nothing_goes_on_after_the_rows_that_are_gone(clock: Clock) -> None:
    cursor = QueueCursor()
    full_look(cursor, 100)
    clock.now += FULL_SCAN_SECONDS_IDLE
    look(cursor)
    assert cursor.is_full_scan
    assert cursor.after_id == 0
    cursor.found_first(None)
    assert cursor.after_id == 100


def test_full_look_follows_soon_when_a_row_was_missed(clock: Clock) -> None:
    cursor = QueueCursor()
    full_look(cursor, 100)
    clock.now += TRAIL_SECONDS
    look(cursor)
    starts(cursor, clock, 60.0)
    clock.now += FULL_SCAN_SECONDS_MIN
    cursor.request_full_scan()
    look(cursor)
    assert cursor.is_full_scan


@dataclass
class Table:
    """A queue in which rows become visible some time after they got their ids."""

    # when the row of each id (1, 2, ...) becomes visible
    visible_at: list[float]
    taken_at: dict[int, float] = field(default_factory=dict)

    def first(self, after_id: int, now: float) -> int | None:
        return next((i for i in self.waiting(now) if i > after_id), None)

    def take(self, after_id: int, count_max: int, now: float) -> list[int]:
        """Take the oldest rows."""
        ids = [i for i in self.waiting(now) if i > after_id][:count_max]
        self.taken_at.update(dict.fromkeys(ids, now))
        return ids

    def waiting(self, now: float) -> Iterator[int]:
        for i, visible_at in enumerate(self.visible_at, 1):
            if visible_at <= now and i not in self.taken_at:
                yield i


DELAYS_SECONDS = st.sampled_from([0.0, 0.0, 0.0, 0.5, 3.0, 6.0, 30.0])


@settings(deadline=None, database=None, max_examples=200)
@given(
    delays=st.lists(DELAYS_SECONDS, max_size=60),
    count_max=st.integers(1, 5),
    query_seconds=st.sampled_from([0.001, 0.2, 4.0]),
    searches_first=st.booleans(),
)
def test_no_row_is_overlooked_for_long(
    delays: list[float], count_max: int, query_seconds: float, searches_first: bool
) -> None:
    """Whenever rows are committed, however long the queries take, whatever the batch."""
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cursor_module, "time", clock)
        cursor = QueueCursor()
        visible_at = [clock.now + i * 0.7 + delay for i, delay in enumerate(delays)]
        table = Table(visible_at)
        end = max(visible_at, default=clock.now) + 60 * query_seconds + 30
        while clock.now < end:
            if searches_first and cursor.is_full_scan:
                first = table.first(cursor.after_id, clock.now)
                cursor.found_first(first)
            ids = table.take(cursor.after_id, count_max, clock.now)
            clock.now += query_seconds
            is_end = len(ids) < count_max
            cursor.seen(ids[-1] if ids else None, is_end=is_end)
            clock.now += 0.25 if is_end else 0.001
    for i, free_at in enumerate(visible_at, 1):
        late = table.taken_at[i] - free_at
        # (the rows before it are taken one after the other)
        assert late <= FULL_SCAN_SECONDS_MAX + (len(delays) + 4) * (query_seconds + 0.25)
