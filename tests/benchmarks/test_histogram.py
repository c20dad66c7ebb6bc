"""The benchmark's histogram, and the spread of several runs."""

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.histogram import MAX_SECONDS, PRECISION, Histogram, merge
from benchmarks.report.figures import Spread, spread

times = st.floats(0, 1000)
SETTINGS = settings(deadline=None, database=None)


def histogram_of(values: Iterable[float]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    return histogram


@SETTINGS
@given(st.floats(1e-5, MAX_SECONDS * 0.999))
def test_three_digits_of_a_time_are_kept(seconds: float) -> None:
    found = histogram_of([seconds]).percentile(100)
    # a time is a whole number of microseconds
    assert found == pytest.approx(seconds, rel=PRECISION, abs=1e-6)


def test_what_is_beyond_the_end_counts_as_the_end() -> None:
    histogram = histogram_of([0.0, MAX_SECONDS, 10 * MAX_SECONDS])
    assert histogram.count == 3
    assert histogram.percentile(1) == 0.0
    assert histogram.percentile(100) == pytest.approx(MAX_SECONDS, rel=PRECISION)


def test_percentiles_of_known_times() -> None:
    histogram = histogram_of(n / 1000 for n in range(1, 101))
    assert histogram.percentile(50) == pytest.approx(0.050, rel=PRECISION)
    assert histogram.percentile(99) == pytest.approx(0.099, rel=PRECISION)
    assert histogram.percentile(100) == pytest.approx(0.1, rel=PRECISION)
    assert [count for _, count in histogram.times()] == [1] * 100


@SETTINGS
@given(st.lists(times), st.lists(times))
def test_merged_histograms_have_the_times_of_both(first: list[float], second: list[float]) -> None:
    together = histogram_of(first + second)
    assert merge([histogram_of(first), histogram_of(second)]) == together
    assert together.count == len(first) + len(second)


def test_a_spread_is_told_by_its_median() -> None:
    assert spread([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)
    assert spread([]) is None
