"""The spans of received messages. Without OpenTelemetry, all of this does nothing."""

from collections.abc import Iterable

from swpt_accounts.broker.consumer import Refusal
from swpt_accounts.inbox.batch import ReceivedMessage
from swpt_accounts.observability.tracing.setup import open_receiver
from swpt_accounts.settings import Settings


class ReceivedSpans:
    """Starts and ends the spans of messages. One without an end is delivered again."""

    def __init__(self, settings: Settings) -> None:
        self._receiver = open_receiver(settings)

    def begin(self, received: Iterable[ReceivedMessage]) -> None:
        """Start the spans of the messages of a batch."""
        if self._receiver is not None:
            for r in received:
                headers = r.delivery.properties.headers
                r.span = self._receiver.begin(
                    headers, r.delivery.routing_key, r.delivery.body, r.message
                )

    def refuse(self, refusals: Iterable[Refusal]) -> None:
        """Messages that cannot be read, or do not belong here, are dead letters."""
        if self._receiver is not None:
            for delivery in (refusal.delivery for refusal in refusals):
                self._receiver.begin(
                    delivery.properties.headers, delivery.routing_key, delivery.body
                ).end("malformed")

    def end(self, finished: Iterable[ReceivedMessage], refusals: Iterable[Refusal]) -> None:
        """Messages are acknowledged; those that the database refuses are dead letters."""
        if self._receiver is not None:
            refused = {refusal.delivery.tag for refusal in refusals}
            for r in finished:
                if r.span is not None:
                    r.span.end("refused" if r.delivery.tag in refused else None)
