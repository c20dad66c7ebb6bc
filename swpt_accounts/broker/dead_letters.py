"""The properties of a message that goes to the dead-letter queue."""

from datetime import UTC, datetime

import pika

from swpt_accounts.broker.headers import sendable_headers

REASON_HEADER = "x-rejection-reason"
ROUTING_KEY_HEADER = "x-rejected-routing-key"
MOMENT_HEADER = "x-rejected-at"


def dead_letter_properties(
    properties: pika.BasicProperties, routing_key: str, reason: str, user: str
) -> pika.BasicProperties:
    """The properties of a refused message, with the reason and the moment in added headers."""
    properties.headers = {
        **sendable_headers(properties, user),
        REASON_HEADER: reason,
        ROUTING_KEY_HEADER: routing_key,
        MOMENT_HEADER: datetime.now(UTC).isoformat(),
    }
    return properties
