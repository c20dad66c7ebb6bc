"""The properties of a message that goes to the dead-letter queue."""

import struct
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pika
import pika.data

REASON_HEADER = "x-rejection-reason"
ROUTING_KEY_HEADER = "x-rejected-routing-key"
UNREADABLE_HEADER = "x-unreadable-headers"
# All headers must fit into one frame, with the rest of the properties.
HEADERS_BYTES_MAX = 64_000
# The broker sends copies to the queues in these headers.
_ACTIVE_HEADERS = ("CC", "BCC")


def dead_letter_properties(
    properties: pika.BasicProperties, routing_key: str, reason: str, user: str
) -> pika.BasicProperties:
    """The properties of a refused message, with the reason in added headers.

    What would make the broker act, or refuse the dead letter, is kept in other words: it takes
    a `user_id` from nobody but that user, and `user` publishes the dead letter. Headers that no
    frame can carry are left out.
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
    properties.headers = {**headers, REASON_HEADER: reason, ROUTING_KEY_HEADER: routing_key}
    return properties


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


_decode_table: Callable[[bytes, int], tuple[dict[str, Any], int]] = pika.data.decode_table


def _decode_any_table(encoded: bytes, offset: int) -> tuple[dict[str, Any], int]:
    """Decode the headers of a message, whatever is in them.

    The client library drops the connection when it meets a moment or a number that Python
    cannot hold; the message would then come back for ever, and block the queue.
    """
    try:
        return _decode_table(encoded, offset)
    except Exception:  # whatever it is that the library stumbles over
        (length,) = struct.unpack_from(">I", encoded, offset)
        end = offset + 4 + length
        return {UNREADABLE_HEADER: encoded[offset + 4 : end]}, end


pika.data.decode_table = _decode_any_table
