"""Copies that take the place of messages which have come back to their queue too often.

A message that is delivered and not acknowledged comes back: when a consumer stops, when its
connection is lost, when the database is unreachable for long. The message is not to blame, but a
quorum queue may have a limit of how often (RabbitMQ 4 has one of 20 by default), beyond which it
drops the message or makes a dead letter of it. The count of a copy starts at zero.
"""

from typing import Any, Final

import pika

from swpt_accounts.broker.headers import sendable_headers

RETURNS_COUNT_MAX: Final = 10
"""How often a message may come back before a copy takes its place."""

COPY_HEADER: Final = "x-copied-routing-key"
"""Marks a copy; has the routing key of the message that was copied."""

REPLAYED_HEADER: Final = "x-replayed-by"
"""Marks a copy that an operator has sent: who."""

_RETURNS_HEADER: Final = "x-delivery-count"
_SENDER_HEADER: Final = "x-copied-user-id"


def came_back_too_often(headers: dict[str, Any] | None) -> bool:
    """Whether these headers of a redelivered message say so."""
    count = (headers or {}).get(_RETURNS_HEADER)
    return isinstance(count, int) and count >= RETURNS_COUNT_MAX


def copy_properties(
    properties: pika.BasicProperties, routing_key: str, user: str, sender: str | None
) -> pika.BasicProperties:
    """The properties of the copy of a message of a sender, to be published by that user."""
    headers = sendable_headers(properties, user)
    headers.pop(_RETURNS_HEADER, None)
    properties.headers = {**headers, COPY_HEADER: routing_key}
    if sender is not None:
        properties.headers[_SENDER_HEADER] = sender
    properties.delivery_mode = pika.DeliveryMode.Persistent.value
    return properties


def take_copy_mark(headers: dict[str, Any], routing_key: str) -> str:
    """Remove the mark of a copy. Returns the routing key of the message that was copied."""
    marked = headers.pop(COPY_HEADER)
    return marked if isinstance(marked, str) else routing_key


def take_origin(exchange: str, properties: pika.BasicProperties) -> tuple[str | None, bool]:
    """Who has sent a message, as the broker has verified, and whether an operator sent it again.

    Peers' messages come through exchanges, and what their headers say is nothing. Copies are
    published to a queue by its name, and say who sent what was copied.
    """
    headers = properties.headers or {}
    sender, replayed_by = headers.pop(_SENDER_HEADER, None), headers.pop(REPLAYED_HEADER, None)
    if exchange or COPY_HEADER not in headers:
        return properties.user_id, False
    return sender if isinstance(sender, str) else None, replayed_by is not None
