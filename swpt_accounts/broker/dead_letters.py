"""The properties of a message that goes to the dead-letter queue."""

from datetime import datetime
from typing import Any

import pika
import pika.data

REASON_HEADER = "x-rejection-reason"
ROUTING_KEY_HEADER = "x-rejected-routing-key"
# All headers must fit into one frame, with the rest of the properties.
HEADERS_BYTES_MAX = 64_000
# The broker sends copies to the queues in these headers.
_ACTIVE_HEADERS = ("CC", "BCC")


def dead_letter_properties(
    properties: pika.BasicProperties, routing_key: str, reason: str, user: str
) -> pika.BasicProperties:
    """The properties of a refused message, with the reason in added headers.

    What would make the broker act, or refuse the dead letter, is kept in headers with other
    names: it accepts a `user_id` only from that user, and `user` publishes the dead letter.
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
