"""Moments in time (SMP, Serialization): always in UTC, within years 1..9999."""

from datetime import UTC, datetime
from typing import Final

MIN_MOMENT: Final = datetime.min.replace(tzinfo=UTC)
MAX_MOMENT: Final = datetime.max.replace(tzinfo=UTC)


def wire_timestamp(moment: datetime) -> str:
    """Return a moment like `2024-05-20T13:15:09.123456+00:00`.

    Raises `ValueError` if the moment has no offset, or is not within years 1..9999 in UTC.
    """
    return to_utc(moment).isoformat()


def to_utc(moment: datetime) -> datetime:
    """Convert an aware moment to UTC.

    Raises `ValueError` if it has no offset, or is not within years 1..9999 in UTC.
    """
    if moment.tzinfo is None:
        raise ValueError("a moment without an offset")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("a moment that is not within years 1..9999 in UTC") from None


def to_nearest_utc(moment: datetime) -> datetime:
    """Convert an aware moment to the nearest representable one in UTC."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return MIN_MOMENT if moment.year == 1 else MAX_MOMENT
