"""The cursor over a queue: it looks past what is gone, and overlooks nothing for long."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swpt_accounts.workers import cursor as cursor_module
from swpt_accounts.workers.cursor import (
    FULL_LOOK_SECONDS_IDLE,
    FULL_LOOK_SECONDS_MIN,
    FULL_LOOK_SHARE,
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


def look(cursor: QueueCursor, *last_ids: int, is_complete: bool = True) -> int:
    """A look that ends after queries with these last ids. Returns where it started."""
    start = cursor.after_id
    for last_id in last_ids:
        cursor.seen(last_id, is_end=False, are_all_taken=is_complete)
        assert cursor.after_id == last_id
    cursor.seen(None, is_end=True, are_all_taken=is_complete)
    return start


def full_look(cursor: QueueCursor, *last_ids: int) -> None:
    assert look(cursor, *last_ids) == 0


def test_first_look_starts_at_the_beginning(clock: Clock) -> None:
    assert QueueCursor().after_id == 0


def test_queries_of_a_look_go_on_where_the_last_one_ended(clock: Clock) -> None:
    cursor = QueueCursor()
    cursor.seen(7, is_end=False, are_all_taken=True)
    assert cursor.after_id == 7
    cursor.seen(9, is_end=False, are_all_taken=False)
    assert cursor.after_id == 9


def test_rows_that_are_gone_are_looked_past_after_a_while(clock: Clock) -> None:
    cursor = QueueCursor()
    full_look(cursor, 100)
    clock.now += TRAIL_SECONDS - 0.01
    assert look(cursor, 200) == 0
    clock.now += 0.01
    assert look(cursor, 300) == 0
    # the first look was complete up to 100, and that is long enough ago
    assert look(cursor) == 100


def test_rows_are_left_by_any_query_of_the_last_whole_look(clock: Clock) -> None:
    cursor = QueueCursor()
    found = [cursor.has_left_rows]
    for last_id, is_end, are_all_taken in (
        (7, False, False),
        (None, True, True),
        (7, False, True),
        (None, True, True),
    ):
        cursor.seen(last_id, is_end=is_end, are_all_taken=are_all_taken)
        found.append(cursor.has_left_rows)
    assert found == [False, False, True, True, False]


def test_empty_look_does_not_move_anything(clock: Clock) -> None:
    cursor = QueueCursor()
    full_look(cursor, 100)
    for _ in range(3):
        clock.now += TRAIL_SECONDS / 2
        look(cursor)
    assert cursor.after_id == 100
    for _ in range(3):
        clock.now += TRAIL_SECONDS / 2
        look(cursor)
    assert cursor.after_id in (0, 100)


def test_rows_that_were_left_are_looked_at_again(clock: Clock) -> None:
    cursor = QueueCursor()
    for _ in range(5):
        assert look(cursor, 100, 200, is_complete=False) == 0
        clock.now += 1.5


def test_incomplete_look_does_not_hold_back_the_complete_ones_before_it(clock: Clock) -> None:
    cursor = QueueCursor()
    full_look(cursor, 100)
    clock.now += TRAIL_SECONDS
    look(cursor, 200, is_complete=False)
    look(cursor, 200)
    assert cursor.after_id == 100


def test_one_row_that_was_left_makes_the_whole_look_incomplete(clock: Clock) -> None:
    cursor = QueueCursor()
    cursor.seen(10, is_end=False, are_all_taken=False)
    cursor.seen(20, is_end=True, are_all_taken=True)
    clock.now += TRAIL_SECONDS
    look(cursor)
    assert cursor.after_id == 0


def test_full_looks_come_again(clock: Clock) -> None:
    cursor = QueueCursor()
    full_look(cursor, 100)
    starts = []
    for _ in range(100):
        clock.now += 0.5
        starts.append((clock.now, look(cursor, 100)))
    full = [now for now, start in starts if start == 0 and now > 1000 + TRAIL_SECONDS]
    pauses = [b - a for a, b in pairwise(full)]
    assert pauses
    assert all(FULL_LOOK_SECONDS_MIN <= pause <= FULL_LOOK_SECONDS_MIN + 1 for pause in pauses)


def test_full_looks_get_rarer_while_no_rows_come(clock: Clock) -> None:
    cursor = QueueCursor()
    full_look(cursor, 100)

    def pauses_of_full_looks(*last_ids: int) -> list[float]:
        full = []
        for _ in range(400):
            clock.now += 0.25
            if look(cursor, *last_ids) == 0:
                full.append(clock.now)
        return [b - a for a, b in pairwise(full)]

    late = 0.25  # the look that finds out is a short one
    pauses = pauses_of_full_looks()
    assert pauses[-3:] == [FULL_LOOK_SECONDS_IDLE + late] * 3
    assert max(pauses) == FULL_LOOK_SECONDS_IDLE + late
    # rows bring back the short pauses
    assert max(pauses_of_full_looks(101)[2:]) <= FULL_LOOK_SECONDS_MIN + late


def test_long_full_looks_are_rare(clock: Clock) -> None:
    cursor = QueueCursor()
    clock.now += 60.0
    assert cursor.after_id == 0
    cursor.seen(100, is_end=False, are_all_taken=True)
    clock.now += 3.0
    cursor.seen(200, is_end=True, are_all_taken=True)
    rests_until = clock.now + 3.0 / FULL_LOOK_SHARE
    clock.now += TRAIL_SECONDS
    look(cursor, 200)
    while clock.now < rests_until:
        assert look(cursor, 200) == 200
        clock.now += 10
    look(cursor)
    assert cursor.after_id == 0


@dataclass
class Table:
    """A queue in which rows become visible some time after they got their ids."""

    # when the row of each id (1, 2, ...) becomes visible, and until when it is locked then
    visible_at: list[float]
    locked_until: list[float]
    taken_at: dict[int, float] = field(default_factory=dict)

    def query(self, after_id: int, count_max: int, now: float) -> tuple[int, int, int | None]:
        """Take the oldest rows, except for those that are locked."""
        ids = [i for i in self.waiting(now) if i > after_id][:count_max]
        free = [i for i in ids if self.locked_until[i - 1] <= now]
        self.taken_at.update(dict.fromkeys(free, now))
        return len(free), len(ids), ids[-1] if ids else None

    def waiting(self, now: float) -> Iterator[int]:
        for i, visible_at in enumerate(self.visible_at, 1):
            if visible_at <= now and i not in self.taken_at:
                yield i


DELAYS_SECONDS = st.sampled_from([0.0, 0.0, 0.0, 0.5, 3.0, 6.0, 30.0])


@settings(deadline=None, database=None, max_examples=200)
@given(
    delays=st.lists(st.tuples(DELAYS_SECONDS, DELAYS_SECONDS), max_size=60),
    count_max=st.integers(1, 5),
)
def test_no_row_is_overlooked_for_long(delays: list[tuple[float, float]], count_max: int) -> None:
    """Whenever rows are committed, however long they are locked, whatever the batch."""
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cursor_module, "time", clock)
        cursor = QueueCursor()
        visible_at = [clock.now + i * 0.7 + delay for i, (delay, _) in enumerate(delays)]
        locked_until = [v + lock for v, (_, lock) in zip(visible_at, delays, strict=True)]
        table = Table(visible_at, locked_until)
        end = max(locked_until, default=clock.now) + 30
        while clock.now < end:
            taken, seen, last_id = table.query(cursor.after_id, count_max, clock.now)
            is_end = seen < count_max
            cursor.seen(last_id, is_end=is_end, are_all_taken=taken == seen)
            clock.now += 0.25 if is_end else 0.001
    for i, free_at in enumerate(locked_until, 1):
        assert table.taken_at[i] - free_at <= FULL_LOOK_SECONDS_IDLE + 1
