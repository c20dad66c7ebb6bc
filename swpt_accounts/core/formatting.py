"""Numbers, times and sentences as people read them."""

from decimal import Decimal
from typing import Final

_UNITS: Final = (("d", 86_400), ("h", 3600), ("min", 60))


def number(value: int | float | Decimal) -> str:
    """A number, in groups of three digits, with four digits after the point at most."""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.4f}".rstrip("0").rstrip(".")


def plural(count: int, noun: str, nouns: str | None = None) -> str:
    """A count of things: "1 row", "1,234 rows". Without `nouns`, the plural takes an "s"."""
    return f"{number(count)} {noun if count == 1 else nouns or f'{noun}s'}"


def duration(seconds: float) -> str:
    """A time in its two largest units: "2 d 3 h", "5 min", "12 s", "2.5 s", "300 ms"."""
    if seconds < 1:
        milliseconds = round(max(seconds, 0.0) * 1000)
        return f"{milliseconds} ms" if milliseconds else "0 s"
    if seconds < 10:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    whole = int(seconds)
    for position, (unit, size) in enumerate(_UNITS):
        if whole >= size:
            text = f"{whole // size} {unit}"
            smaller = _UNITS[position + 1] if position + 1 < len(_UNITS) else None
            if smaller is not None and (rest := whole % size // smaller[1]):
                text += f" {rest} {smaller[0]}"
            return text
    return f"{whole} s"


def percent(ratio: float) -> str:
    """A part of a whole, rounded down: 100 % is all of it."""
    return f"{int(ratio * 100)} %"


def rate(per_second: float) -> str:
    """A rate, with a digit after the point where it is small."""
    return f"{per_second:,.1f}" if 0 < per_second < 10 else f"{per_second:,.0f}"
