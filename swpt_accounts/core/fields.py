"""Marshmallow fields that are as strict as the protocol (SMP, Serialization).

JSON's own types are taken literally: `"10"` and `true` are not numbers, and `10.0` is not an
integer. Marshmallow's own fields would convert them.
"""

import math
from typing import Any

from marshmallow import ValidationError, fields


class JsonInteger(fields.Field[int]):
    """A JSON number without a point and without an exponent."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if type(value) is not int:
            raise ValidationError("Not an integer.")
        return value


class JsonNumber(fields.Field[float]):
    """A JSON number within the range of a finite double. An integer form is accepted."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> float:
        if type(value) is not int and type(value) is not float:
            raise ValidationError("Not a finite number.")
        try:
            number = float(value)
        except OverflowError:
            raise ValidationError("Not a finite number.") from None
        if not math.isfinite(number):
            raise ValidationError("Not a finite number.")
        return number


class JsonText(fields.Field[str]):
    """A JSON string that PostgreSQL can keep: no NUL characters, no lone surrogates."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if type(value) is not str:
            raise ValidationError("Not a string.")
        if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
            raise ValidationError("Contains a NUL character or a lone surrogate.")
        return value


class HexBytes(fields.Field[bytes]):
    """Bytes, written as upper-case hexadecimal digits."""

    def _serialize(self, value: bytes | None, *_: Any, **__: Any) -> Any:
        return None if value is None else value.hex().upper()

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bytes:
        if type(value) is not str or not set(value) <= set("0123456789ABCDEF") or len(value) % 2:
            raise ValidationError("Not upper-case hexadecimal digits in pairs.")
        return bytes.fromhex(value)
