"""How an outgoing message is published."""

import pika
from pika.spec import PERSISTENT_DELIVERY_MODE

from swpt_accounts.broker.publisher import Publication
from swpt_accounts.smp.encoder import encode
from swpt_accounts.smp.outgoing import OutgoingMessage
from swpt_accounts.smp.routing import TO_COORDINATORS_EXCHANGE, headers, route
from swpt_accounts.smp.types import CONTENT_TYPE

APP_ID = "swpt_accounts"
TRACEPARENT = "traceparent"


def make_publication(message: OutgoingMessage, traceparent: str | None = None) -> Publication:
    """The message with its route and its AMQP properties, in a trace if there is one."""
    destination = route(message)
    message_headers = headers(message)
    if traceparent is not None:
        message_headers[TRACEPARENT] = traceparent
    properties = pika.BasicProperties(
        delivery_mode=PERSISTENT_DELIVERY_MODE,
        content_type=CONTENT_TYPE,
        type=type(message).__name__,
        app_id=APP_ID,
        headers=message_headers,
    )
    return Publication(
        destination.exchange,
        destination.routing_key,
        properties,
        encode(message),
        destination.mandatory,
    )


def traceparent_of(publication: Publication) -> str | None:
    """The trace that the message carries on, if there is one."""
    traceparent: str | None = publication.properties.headers.get(TRACEPARENT)
    return traceparent


def destination_of(publication: Publication) -> str:
    """What decides which queues take the message: messages of one destination share their fate.

    The exchange, the type of coordinator where the exchange goes by it, and the routing key:
    `to_coordinators direct 00.00.00.00.00.00.00.02`.
    """
    parts = [publication.exchange, publication.routing_key]
    if publication.exchange == TO_COORDINATORS_EXCHANGE:
        parts.insert(1, publication.properties.headers["coordinator-type"])
    return " ".join(parts)
