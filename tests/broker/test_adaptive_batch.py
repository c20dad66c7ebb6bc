"""How many messages a flush, and a window, take."""

from hypothesis import given
from hypothesis import strategies as st

from swpt_accounts.broker.publisher import FIRST_COUNT, SECONDS_MAX, AdaptiveBatch

COUNT_MIN, COUNT_MAX = 9, 2500


def rounds(seconds_per_message: float, count: int) -> list[int]:
    """How many messages are sent at a time over a steady link."""
    pace, counts = AdaptiveBatch(COUNT_MIN, COUNT_MAX), []
    for _ in range(count):
        counts.append(pace.count)
        pace.note(pace.count, pace.count * seconds_per_message)
    return counts


def test_fast_link_soon_has_all() -> None:
    assert rounds(0.0001, 8) == [64, 128, 256, 512, 1024, 2048, 2500, 2500]


@given(st.floats(1e-6, 100))
def test_every_link_gets_its_pace(seconds_per_message: float) -> None:
    """Neither more than it carries in time, nor far less."""
    *_, last = rounds(seconds_per_message, 20)
    assert last == COUNT_MIN or last * seconds_per_message <= SECONDS_MAX
    assert last == COUNT_MAX or 2 * last * seconds_per_message > SECONDS_MAX / 4


def test_few_messages_say_nothing_about_more() -> None:
    pace = AdaptiveBatch(COUNT_MIN, COUNT_MAX)
    pace.note(1, 0.001)
    assert pace.count == FIRST_COUNT
    pace.note(1, 10)
    assert pace.count == COUNT_MIN


def test_bounds() -> None:
    assert AdaptiveBatch(100, 200).count == 100
    assert AdaptiveBatch(1, 5).count == 5
