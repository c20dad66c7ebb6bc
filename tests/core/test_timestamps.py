"""Moments in time."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from swpt_accounts.core.timestamps import (
    MAX_MOMENT,
    MIN_MOMENT,
    to_nearest_utc,
    to_utc,
    wire_timestamp,
)

EAST = timezone(timedelta(hours=1))
WEST = timezone(timedelta(hours=-1))


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2024, 5, 20, 13, 15, 9, 123456, UTC), "2024-05-20T13:15:09.123456+00:00"),
        (datetime(2024, 5, 20, 13, 15, 9, 1, UTC), "2024-05-20T13:15:09.000001+00:00"),
        (datetime(2024, 5, 20, 13, 15, 9, 0, UTC), "2024-05-20T13:15:09+00:00"),
        (datetime(2024, 5, 20, 13, 15, 9, 0, EAST), "2024-05-20T12:15:09+00:00"),
        (datetime(1970, 1, 1, tzinfo=UTC), "1970-01-01T00:00:00+00:00"),
        (MIN_MOMENT, "0001-01-01T00:00:00+00:00"),
        (MAX_MOMENT, "9999-12-31T23:59:59.999999+00:00"),
    ],
)
def test_wire_timestamp(moment: datetime, text: str) -> None:
    assert wire_timestamp(moment) == text


def test_naive_moments_are_refused() -> None:
    naive = datetime(2024, 5, 20)  # noqa: DTZ001
    with pytest.raises(ValueError, match="without an offset"):
        wire_timestamp(naive)


@pytest.mark.parametrize(
    ("moment", "nearest"),
    [
        (MIN_MOMENT.replace(tzinfo=EAST), MIN_MOMENT),
        (MAX_MOMENT.replace(tzinfo=WEST), MAX_MOMENT),
    ],
)
def test_moments_that_utc_can_not_tell(moment: datetime, nearest: datetime) -> None:
    with pytest.raises(ValueError, match=r"not within years 1\.\.9999"):
        to_utc(moment)
    assert to_nearest_utc(moment) == nearest


def test_the_result_is_in_utc() -> None:
    moment = datetime(2024, 5, 20, 13, tzinfo=EAST)
    assert to_utc(moment) == to_nearest_utc(moment) == moment
    assert to_utc(moment).tzinfo is UTC
    assert to_nearest_utc(moment).tzinfo is UTC
