"""The benchmark's histogram, and the spread of several runs."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.histogram import (
    BUCKETS_COUNT,
    MAX_SECONDS,
    MIN_SECONDS,
    Histogram,
    bucket_end,
    bucket_of,
    merge,
)
from benchmarks.spread import Spread, spread

times = st.floats(0, 1000)


@given(st.floats(MIN_SECONDS, MAX_SECONDS * 0.999))
def test_a_bucket_is_narrow(seconds: float) -> None:
    end = bucket_end(bucket_of(seconds))
    assert seconds <= end * 1.000001
    assert end <= seconds * 1.0236


@pytest.mark.parametrize(
    ("seconds", "bucket"), [(0, 0), (MIN_SECONDS, 0), (MAX_SECONDS, BUCKETS_COUNT - 1)]
)
def test_the_ends_take_what_is_beyond_them(seconds: float, bucket: int) -> None:
    assert bucket_of(seconds) == bucket
    assert bucket_of(MAX_SECONDS * 10) == BUCKETS_COUNT - 1


@given(st.lists(times, min_size=1), st.floats(1, 100))
def test_so_many_percent_do_not_exceed_a_percentile(values: list[float], percent: float) -> None:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    found = histogram.percentile(percent)
    assert found <= max(values)
    below = sum(bucket_of(value) <= bucket_of(found) for value in values)
    assert below >= len(values) * percent / 100


def test_percentiles_of_known_times() -> None:
    histogram = Histogram()
    for n in range(1, 101):
        histogram.add(n / 1000)
    assert histogram.percentile(50) == pytest.approx(0.050, rel=0.03)
    assert histogram.percentile(99) == pytest.approx(0.099, rel=0.03)
    assert histogram.percentile(100) == 0.1


def test_an_empty_histogram_has_no_times() -> None:
    assert Histogram().percentile(50) == 0.0


@given(st.lists(times), st.lists(times))
def test_merged_histograms_have_the_times_of_both(first: list[float], second: list[float]) -> None:
    histograms = [Histogram(), Histogram()]
    for histogram, values in zip(histograms, (first, second), strict=True):
        for value in values:
            histogram.add(value)
    together = Histogram()
    for value in first + second:
        together.add(value)
    assert merge(histograms) == together


@given(st.lists(times))
def test_results_keep_a_histogram(values: list[float]) -> None:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    assert Histogram.from_json(json.loads(json.dumps(histogram.as_json()))) == histogram


def test_a_spread_is_told_by_its_median() -> None:
    assert spread([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)
    assert spread([3.0, 1.0, 2.0]).percent == 100
    assert spread([0.0]).percent == 0
