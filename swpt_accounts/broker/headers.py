"""Lets pika read the headers of a message, whatever is in them."""

import struct
from typing import Any, Final

import pika.data

UNREADABLE_HEADER: Final = "x-unreadable-headers"

_decode_table = pika.data.decode_table


def accept_any_headers() -> None:
    """From now on, headers that pika cannot decode become one header, which has the bytes.

    The library drops the connection when it meets a moment or a number that Python cannot
    hold; the message would then come back for ever, and block the queue. It has no hook for
    this, so its function is replaced. May be called again.
    """
    pika.data.decode_table = _decode_any_table


def _decode_any_table(encoded: bytes, offset: int) -> tuple[dict[str, Any], int]:
    try:
        table: tuple[dict[str, Any], int] = _decode_table(encoded, offset)
        return table
    except Exception:  # whatever error the library raises
        (length,) = struct.unpack_from(">I", encoded, offset)
        end = offset + 4 + length
        return {UNREADABLE_HEADER: encoded[offset + 4 : end]}, end
