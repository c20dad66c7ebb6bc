"""The numbers that the reference has told of what it keeps in single precision."""

import struct
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from typing import Final

_EXACT: Final = Context(200)
_INFINITY: Final = 0x7F800000


def told(number: float) -> float:
    """What PostgreSQL writes of a `real`, read as a double: the shortest decimal number that is
    nearer to it than to any other `real`, and of those the nearest.

    One halfway between two of them is read as one of them too (839333600 as 839333632), but is not
    what PostgreSQL writes.
    """
    if not number:
        return number
    bits = _bits(abs(number))
    exact = _magnitude(bits)
    low, high = (
        _EXACT.divide(_EXACT.add(exact, _magnitude(other)), Decimal(2))
        for other in (bits - 1, bits + 1)
    )
    for digits in range(1, 10):
        # The nearest one may be too low at a power of two: those below it are closer together.
        candidates = [
            Context(digits, rounding).plus(exact)
            for rounding in (ROUND_HALF_EVEN, ROUND_FLOOR, ROUND_CEILING)
        ]
        if inside := [c for c in candidates if low < c < high]:
            nearest = min(inside, key=lambda c: abs(_EXACT.subtract(c, exact)))
            return float(nearest.copy_sign(Decimal(number)))
    raise AssertionError(number)


def single(bits: int) -> float:
    """The single-precision number that these 32 bits are."""
    (number,) = struct.unpack(">f", struct.pack(">I", bits))
    return float(number)


def _bits(number: float) -> int:
    (bits,) = struct.unpack(">I", struct.pack(">f", number))
    return int(bits)


def _magnitude(bits: int) -> Decimal:
    """Beyond the largest one it is what would come next."""
    return Decimal(2) ** 128 if bits == _INFINITY else Decimal(single(bits))
