"""Lets pika read the headers of a message, whatever is in them, and send them on."""

import struct
from datetime import datetime
from typing import Any, Final

import pika
import pika.data

UNREADABLE_HEADER: Final = "x-unreadable-headers"

# All headers must fit into one frame, with the rest of the properties.
HEADERS_BYTES_MAX: Final = 64_000
# The broker sends copies to the queues in these headers.
_ACTIVE_HEADERS = ("CC", "BCC")

_decode_table = pika.data.decode_table


def accept_any_headers() -> None:
    """From now on, headers that pika cannot decode become one header, which has the bytes.

    The library drops the connection when it meets a moment or a number that Python cannot
    hold; the message would then return again and again, and block the queue. It has no hook for
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


def sendable_headers(properties: pika.BasicProperties, user: str) -> dict[str, Any]:
    """The headers of a message that was received, for `user` to publish it again.

    What would make the broker act, or refuse the message, is kept in headers with other names:
    it accepts a `user_id` only from that user, which is therefore removed from the properties.
    Headers that no frame can carry are left out.
    """
    headers = {
        f"x-rejected-{name}" if name in _ACTIVE_HEADERS else name: _plain(value)
        for name, value in (properties.headers or {}).items()
    }
    if properties.user_id not in (None, user):
        headers["x-rejected-user-id"] = properties.user_id
        properties.user_id = None
    if pika.data.encode_table([], headers) > HEADERS_BYTES_MAX:
        headers = {"x-rejected-headers": "too large"}
    return headers


def _plain(value: Any) -> Any:
    """The value of a header in a form that can be sent."""
    match value:
        case dict():
            return {str(name): _plain(v) for name, v in value.items()}
        case list():
            return [_plain(v) for v in value]
        case int() if not -(2**63) <= value < 2**63:
            return str(value)
        case None | bool() | int() | str() | bytes() | datetime():
            return value
        case _:
            return str(value)
