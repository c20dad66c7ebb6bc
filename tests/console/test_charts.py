"""Numbers of the console: rates, stays and charts."""

from datetime import UTC, datetime, timedelta

import pytest

from swpt_accounts.console.charts import (
    HEIGHT,
    WIDTH,
    age_series,
    chart,
    flow,
    mean_stay,
    rate,
    rate_series,
    recent,
    stay_series,
    waiting_series,
)
from swpt_accounts.console.sampler import Counters, Sample
from swpt_accounts.console.template_filters import (
    ago,
    amount,
    moment,
    per_second,
    printable,
    seconds,
    size,
)
from swpt_accounts.db.backlog import TableBacklog

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TABLE = "transfer_request"


def sample(at: float, came: int, gone: int, age: float | None = None) -> Sample:
    wait = None if age is None else timedelta(seconds=age)
    backlog = TableBacklog(TABLE, came - gone, False, None if age is None else NOW, wait)
    return Sample(at, NOW, {TABLE: Counters(came, gone, came)}, {TABLE: backlog})


SAMPLES = [sample(0, 100, 100), sample(5, 200, 150), sample(10, 300, 300, 2.5)]


def test_rates() -> None:
    found = rate(SAMPLES, [TABLE])
    assert (found.came, found.gone, found.changed) == (20, 20, 20)
    assert rate(SAMPLES[:1], [TABLE]).came is None
    assert rate([], [TABLE]).came is None
    assert rate(SAMPLES, ["another"]).came == 0


def test_statistics_that_were_reset_give_no_rate() -> None:
    assert rate([SAMPLES[2], sample(15, 1, 1)], [TABLE]).came is None


def test_a_stay_is_how_many_wait_by_how_many_leave() -> None:
    assert mean_stay(SAMPLES, [TABLE]) == pytest.approx(50 / 3 / 20)
    assert mean_stay(SAMPLES[:1], [TABLE]) is None


def test_series() -> None:
    assert rate_series(SAMPLES, [TABLE], "came") == [(-5, 20), (0, 20)]
    assert waiting_series(SAMPLES, [TABLE]) == [(-10, 0), (-5, 50), (0, 0)]
    assert age_series(SAMPLES, [TABLE]) == [(-10, 0), (-5, 0), (0, 2.5)]
    found_stays = stay_series(SAMPLES, [TABLE], 2)
    assert [(at, round(stay or 0, 6)) for at, stay in found_stays] == [(-5, 2.5), (0, 0.833333)]
    idle = [sample(0, 5, 5), sample(5, 5, 5)]
    assert stay_series(idle, [TABLE], 2) == [(0, 0)]


def test_only_the_last_samples_are_recent() -> None:
    assert recent(SAMPLES, 6) == SAMPLES[1:]
    assert recent([], 6) == []


def test_the_flow_says_what_is_late() -> None:
    boxes = {box.title: box for box in flow([*SAMPLES, sample(15, 300, 280, 60)])}
    assert boxes["requests to prepare"].state == "late"
    assert boxes["balance changes"].state == "idle"
    many = flow([sample(0, 50_000, 0), sample(5, 50_000, 10)])
    assert many[1].state == "long"
    assert flow(SAMPLES)[1].state == "busy"


def test_a_chart_ends_at_a_round_number() -> None:
    made = chart("x", "y", [(-120, 0), (-60, 30), (0, 15)])
    assert (made.top, made.highest, made.last, made.minutes) == (50, 30, 15, 2)
    assert made.lines == [f"0.0,{HEIGHT}.0 {WIDTH / 2},48.0 {WIDTH}.0,84.0"]


def test_a_chart_is_broken_where_nothing_is_known() -> None:
    made = chart(
        "x", "y", [(-30, 1), (-25, 1), (-20, None), (-15, 1), (-10, 1), (-5, None), (0, 1)]
    )
    assert len(made.lines) == 2
    nothing = chart("x", "y", [])
    assert (nothing.lines, nothing.last, nothing.top) == ([], None, 1)


def test_how_values_are_written() -> None:
    assert amount(-1234567) == "-1,234,567"
    assert amount(2.5) == "2.5"
    assert amount(None) == "unknown"
    assert per_second(None) == "unknown"
    assert per_second(0.25) == "0.2/s"
    assert per_second(1234.4) == "1,234/s"
    assert (seconds(None), seconds(90)) == ("unknown", "1 min")
    assert moment(datetime(1970, 1, 1, tzinfo=UTC)) == "never"
    assert moment(NOW) == "2026-01-01 00:00:00"
    assert ago(datetime.now(UTC) + timedelta(hours=2, seconds=9)) == "in 2 h"
    assert size(2_500_000) == "2 MB"
    assert printable("a\u202eb\x1b[0m\n") == "a\\u202eb\\x1b[0m\n"
