"""Messages on their way out: their routes, their AMQP properties, and what is noted of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

import pika
from pika.spec import PERSISTENT_DELIVERY_MODE

from swpt_accounts.broker.publisher import Publication
from swpt_accounts.smp.outgoing import OutgoingMessage, PendingBalanceChange, encode
from swpt_accounts.smp.routing import TO_COORDINATORS_EXCHANGE, headers, route
from swpt_accounts.smp.types import CONTENT_TYPE

if TYPE_CHECKING:
    from swpt_accounts.observability.tracing.sent_spans import SentSpan

APP_ID = "swpt_accounts"
TRACEPARENT = "traceparent"


@dataclass(slots=True)
class OutboxMessage:
    """A message that is being sent.

    One that the broker has returned before has the id of its row, and what that row says:
    `attempts_count` is how often it has failed. An older version noted no `line`.
    """

    message: OutgoingMessage
    publication: Publication
    trace_context: str | None = None
    span: "SentSpan | None" = None
    id: int | None = None
    attempts_count: int = 0
    put_aside_at: datetime | None = None
    line: str | None = None

    @classmethod
    def of(cls, message: OutgoingMessage, traceparent: str | None = None, **more: Any) -> Self:
        """A message with its route and its AMQP properties, in a trace if there is one."""
        return cls(message, make_publication(message, traceparent), **more)

    @property
    def signal_name(self) -> str:
        return f"{type(self.message).__name__}Signal"

    @property
    def destination(self) -> str:
        """What decides which queues take it: messages of one destination share their fate.

        The exchange, the type of coordinator where the exchange goes by it, and the routing key:
        `to_coordinators direct 00.00.00.00.00.00.00.02`.
        """
        parts = [self.publication.exchange, self.publication.routing_key]
        if self.publication.exchange == TO_COORDINATORS_EXCHANGE:
            parts.insert(1, self.publication.properties.headers["coordinator-type"])
        return " ".join(parts)

    @property
    def traceparent(self) -> str | None:
        """The trace that it carries on, if there is one."""
        traceparent: str | None = self.publication.properties.headers.get(TRACEPARENT)
        return traceparent


def make_publication(message: OutgoingMessage, traceparent: str | None = None) -> Publication:
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
        is_signed=isinstance(message, PendingBalanceChange),
    )
