"""The spans of received messages. Where nothing is traced, all of this does nothing."""

from collections.abc import Iterable
from dataclasses import replace

from swpt_accounts.broker.consumer import Refusal
from swpt_accounts.inbox.batch import ReceivedMessage
from swpt_accounts.observability.tracing.setup import open_receiver
from swpt_accounts.settings import Settings
from swpt_accounts.smp.incoming import IncomingMessage

TraceContexts = list[str | None] | None
"""What goes with each message of a batch through the tables; None where nothing is traced."""


def trace_contexts(
    settings: Settings, received: Iterable[ReceivedMessage], message_type: type[IncomingMessage]
) -> TraceContexts:
    """The trace contexts of the messages of one type."""
    if not settings.app_opentelemetry:
        return None
    return [
        None if r.span is None else r.span.context
        for r in received
        if isinstance(r.message, message_type)
    ]


class TracedMessages:
    """Starts and ends the spans of messages. One without an end is delivered again."""

    def __init__(self, settings: Settings) -> None:
        self._receiver = open_receiver(settings)

    def begin(self, received: list[ReceivedMessage]) -> list[ReceivedMessage]:
        """The messages of a batch, with their spans."""
        receiver = self._receiver
        if receiver is None:
            return received
        return [
            replace(
                r,
                span=receiver.begin(
                    r.delivery.properties.headers,
                    r.delivery.routing_key,
                    r.delivery.body,
                    r.message,
                ),
            )
            for r in received
        ]

    def refuse(self, refusals: Iterable[Refusal]) -> None:
        """These are dead letters that cannot be read, or not here."""
        if self._receiver is not None:
            for delivery in (refusal.delivery for refusal in refusals):
                self._receiver.begin(
                    delivery.properties.headers, delivery.routing_key, delivery.body
                ).end("malformed")

    def end(self, finished: Iterable[ReceivedMessage], refusals: Iterable[Refusal]) -> None:
        """These are acknowledged; those that the database refuses are dead letters."""
        if self._receiver is not None:
            refused = {refusal.delivery.tag for refusal in refusals}
            for r in finished:
                if r.span is not None:
                    r.span.end("refused" if r.delivery.tag in refused else None)
