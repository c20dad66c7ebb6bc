"""Balances, interest and 64-bit amounts, in exact decimals.

Rates are annual percents (doubles), times are aware datetimes, amounts are integers of the
currency's smallest unit, interest is a `Decimal` with at most 20 digits after the point.
"""

import math
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from fractions import Fraction

T0 = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)
MAX_INT64 = 2**63 - 1
MAX_INT32 = 2**31 - 1
MIN_RATE = -50.0
MAX_RATE = 100.0

ZERO = Decimal(0)
YEAR_SECONDS = Decimal("365.25") * 86400
CALCULATION = Context(prec=100)
# Wide enough for the longest growth there can be: 8000 years at 100 percent.
ROUNDING = Context(prec=5000, rounding=ROUND_HALF_UP)
SMALLEST_INTEREST = Decimal("1e-20")


def contain(amount: int) -> int:
    """The nearest amount that a principal can have."""
    return max(-MAX_INT64, min(amount, MAX_INT64))


def clamp_rate(rate: float) -> float:
    """The nearest interest rate that an account can have."""
    return max(MIN_RATE, min(rate, MAX_RATE))


def round_interest(value: Decimal) -> Decimal:
    """Round to the 20 decimals that are stored."""
    return value.quantize(SMALLEST_INTEREST, context=ROUNDING)


def seconds_between(start: datetime, end: datetime) -> Decimal:
    """The seconds from `start` to `end`, 0 when `end` is the earlier one."""
    return Decimal(max(end - start, timedelta(0)) // timedelta(microseconds=1)).scaleb(-6)


def later_by(moment: datetime, delay: timedelta) -> datetime:
    """`moment + delay`, but never beyond the last representable moment."""
    return LATEST if LATEST - moment < delay else moment + delay


def growth_exponent(rate: float, seconds: Decimal) -> Decimal:
    """`k(rate) * seconds`: an amount grows `exp()` of this times.

    The rate is the shortest decimal that stands for the double: 5.5 is 5.5 exactly.
    """
    with localcontext(CALCULATION):
        return (1 + Decimal(repr(rate)) / 100).ln() / YEAR_SECONDS * seconds


def grow(amount: Decimal | int, rate: float, seconds: Decimal) -> Decimal:
    """What `amount` becomes at `rate` percent a year, rounded to 20 decimals.

    Rounding lets a year at 100 percent double the amount, rather than leave it
    an infinitesimal bit below the double, where the floor would take a whole unit.
    """
    with localcontext(CALCULATION):
        return round_interest(amount * growth_exponent(rate, seconds).exp())


def missed_interest(amount: int, exponent: Decimal) -> Decimal:
    """The interest (not rounded) that `amount` did not earn while it was under way."""
    with localcontext(CALCULATION):
        return amount * (exponent.exp() - 1)


def add(a: Decimal, b: Decimal | int) -> Decimal:
    """A sum in full precision (the operators would round it to 28 digits)."""
    with localcontext(CALCULATION):
        return a + b


def floor(amount: Decimal | float) -> int:
    """The biggest integer that is not above `amount`, exactly."""
    return math.floor(amount)


def ratio_exceeds(part: int, whole: int, limit: float) -> bool:
    """Whether `part / whole > limit`, exactly."""
    return Fraction(part, whole) > Fraction(repr(limit))


def next_seqnum(seqnum: int) -> int:
    """The 32-bit sequential number after `seqnum`: 2147483647 is followed by -2147483648."""
    return -MAX_INT32 - 1 if seqnum == MAX_INT32 else seqnum + 1


def is_later_seqnum(b: int, a: int) -> bool:
    """Whether the 32-bit sequential number `b` comes after `a`, when they wrap."""
    return 0 < (b - a) % 2**32 < 2**31
