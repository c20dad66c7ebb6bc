"""A pass over a table: every page once, evenly, in time."""

from itertools import pairwise
from time import monotonic

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swpt_accounts.scans.pass_schedule import Pass, PassSchedule, plan_pass

PACES = st.builds(
    PassSchedule,
    pass_seconds=st.sampled_from([0.0, 0.05, 1.0, 60.0, 8 * 3600.0]),
    blocks_per_query_max=st.sampled_from([1, 2, 7, 40, 10**6]),
    beat_seconds=st.sampled_from([0.025, 0.1, 1.0, 3600.0]),
)
SETTINGS = settings(deadline=None, database=None, max_examples=300)


@SETTINGS
@given(pages_count=st.integers(0, 3000), pace=PACES)
def test_every_page_comes_once(pages_count: int, pace: PassSchedule) -> None:
    steps = list(plan_pass(pages_count, pace))
    pages = [page for step in steps for page in range(step.first_page, step.end_page)]
    assert sorted(pages) == list(range(pages_count))
    for step in steps:
        assert 1 <= step.end_page - step.first_page <= pace.blocks_per_query_max


@SETTINGS
@given(pages_count=st.integers(1, 3000), pace=PACES)
def test_steps_are_spread_over_the_time(pages_count: int, pace: PassSchedule) -> None:
    steps = list(plan_pass(pages_count, pace))
    assert steps[0].due_seconds == 0
    assert all(a.due_seconds <= b.due_seconds for a, b in pairwise(steps))
    done = 0
    for step in steps:
        # at each moment as much is done as the time that has passed demands
        assert step.due_seconds == pytest.approx(pace.pass_seconds * done / pages_count)
        done += step.end_page - step.first_page
    if pace.pass_seconds > 0:
        assert steps[-1].due_seconds < pace.pass_seconds


@SETTINGS
@given(pages_count=st.integers(1, 3000), pace=PACES)
def test_pages_follow_each_other(pages_count: int, pace: PassSchedule) -> None:
    for a, b in pairwise(plan_pass(pages_count, pace)):
        assert b.first_page in (a.end_page, 0)
        assert (b.first_page == 0) is (a.end_page == pages_count)


@pytest.mark.parametrize(
    ("pages_count", "pace", "pages_per_step"),
    [
        # 10 beats for 100 pages: 10 pages a beat, in one query or in several
        (100, PassSchedule(1.0, 40, 0.1), {10}),
        (100, PassSchedule(1.0, 5, 0.1), {5}),
        # more beats than pages: a page at a time
        (100, PassSchedule(3600.0, 40, 0.1), {1}),
        # all at once
        (100, PassSchedule(0.0, 1000, 0.1), {100}),
    ],
)
def test_beats(pages_count: int, pace: PassSchedule, pages_per_step: set[int]) -> None:
    steps = list(plan_pass(pages_count, pace))
    # the pass starts somewhere in the middle, so that the end of the table cuts one beat in two
    whole = [s for s in steps if s.first_page != 0 and s.end_page != pages_count]
    assert sum(s.end_page - s.first_page not in pages_per_step for s in whole) <= 1
    assert max(s.end_page - s.first_page for s in steps) <= max(pages_per_step)


def test_passes_start_anywhere() -> None:
    pace = PassSchedule(1.0, 40, 0.1)
    starts = {next(plan_pass(1000, pace)).first_page for _ in range(50)}
    assert len(starts) > 20


def test_empty_table() -> None:
    assert list(plan_pass(0, PassSchedule(1.0, 40, 0.1))) == []


def test_pass_goes_on_where_it_was_and_no_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("swpt_accounts.scans.pass_schedule.monotonic", lambda: now)
    current = Pass(10, PassSchedule(100.0, 1, 1.0))
    current.resume()
    for i in range(3):
        assert current.due_at == pytest.approx(1000 + 10 * i)
        current.advance()
    # an hour later, this step is due, and the next one ten seconds after it
    step, now = current.step, 4600.0
    current.resume()
    assert current.step == step
    assert current.due_at == pytest.approx(4600)
    current.advance()
    assert current.due_at == pytest.approx(4610)
    for _ in range(6):
        current.advance()
    assert current.step is None
    assert current.due_at == pytest.approx(4600 + 70)


def test_pass_of_an_empty_table_takes_a_beat() -> None:
    current = Pass(0, PassSchedule(0.0, 1, 3600.0))
    assert current.step is None
    assert current.due_at > monotonic() + 3000
