"""The fields of JSON documents, as strict as the protocol (SMP, Serialization).

JSON's own types are taken literally: `"10"` and `true` are not numbers, and `10.0` is not an
integer. A function reads the value of a field, or raises `InvalidField`.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

Reader = Callable[[Any], Any]
_HEX_DIGITS: Final = frozenset("0123456789ABCDEF")


class InvalidField(ValueError):
    """A value is not what the field wants. The message says why."""


def integer(low: int, high: int) -> Reader:
    """A JSON number without a point and without an exponent, from `low` to `high`."""

    def read(value: Any) -> int:
        if type(value) is not int:
            raise InvalidField("not an integer")
        if not low <= value <= high:
            raise InvalidField(f"not from {low} to {high}")
        return value

    return read


def number(low: float = -math.inf, high: float = math.inf) -> Reader:
    """A JSON number within the range of a finite double. An integer form is accepted."""

    def read(value: Any) -> float:
        if type(value) is not int and type(value) is not float:
            raise InvalidField("not a finite number")
        try:
            found = float(value)
        except OverflowError:
            raise InvalidField("not a finite number") from None
        if not math.isfinite(found):
            raise InvalidField("not a finite number")
        if not low <= found <= high:
            raise InvalidField(f"not from {low} to {high}")
        return found

    return read


def text(pattern: str) -> Reader:
    """A JSON string that PostgreSQL can keep: no NUL characters, no lone surrogates. All of it
    matches the pattern, in which a dot is any character.
    """
    compiled = re.compile(pattern, re.DOTALL)

    def read(value: Any) -> str:
        if type(value) is not str:
            raise InvalidField("not a string")
        if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
            raise InvalidField("contains a NUL character or a lone surrogate")
        if compiled.fullmatch(value) is None:
            raise InvalidField(f"does not match {pattern}")
        return value

    return read


def hex_bytes(*lengths: int) -> Reader:
    """Bytes, written as upper-case hexadecimal digits, of one of these lengths."""

    def read(value: Any) -> bytes:
        if type(value) is not str or not _HEX_DIGITS.issuperset(value) or len(value) % 2:
            raise InvalidField("not upper-case hexadecimal digits in pairs")
        found = bytes.fromhex(value)
        if len(found) not in lengths:
            raise InvalidField(f"not {' or '.join(map(str, lengths))} bytes")
        return found

    return read


@dataclass(frozen=True, slots=True)
class ObjectReader:
    """Reads a JSON object: what is `needed`, and what `may` be there. The rest is ignored.

    The result has what was found.
    """

    needed: Mapping[str, Reader]
    may: Mapping[str, Reader]

    def __call__(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise InvalidField("not an object")
        missing = [name for name in self.needed if name not in value]
        if missing:
            raise InvalidField(f"{missing[0]} is missing")
        readers = {**self.needed, **self.may}
        return {n: _read(n, read, value[n]) for n, read in readers.items() if n in value}


def _read(name: str, read: Reader, value: Any) -> Any:
    try:
        return read(value)
    except InvalidField as error:
        raise InvalidField(f"{name}: {error}") from None
