"""The spans of sent messages. Without OpenTelemetry, all of this does nothing."""

from collections.abc import Iterable, Sequence

from swpt_accounts.observability.tracing.setup import open_sender
from swpt_accounts.outbox.messages import OutboxMessage
from swpt_accounts.settings import Settings


class SentSpans:
    """Starts and ends the spans of messages. Those that were returned before have none."""

    def __init__(self, settings: Settings) -> None:
        self._sender = open_sender(settings)

    def begin(self, messages: Iterable[OutboxMessage]) -> None:
        """Let messages carry on the traces of their rows, in their headers."""
        if self._sender is None:
            return
        for message in messages:
            if message.trace_context is not None:
                publication = message.publication
                message.span = self._sender.begin(
                    message.message,
                    publication.exchange,
                    publication.routing_key,
                    publication.properties.headers,
                    publication.body,
                    message.trace_context,
                )

    def refuse(self, messages: Sequence[OutboxMessage], positions: Iterable[int]) -> None:
        """The broker does not take the messages at these positions."""
        for position in positions:
            if (span := messages[position].span) is not None:
                span.refuse()

    def end(self, messages: Iterable[OutboxMessage]) -> None:
        """The broker has answered for the messages, and that is committed."""
        if self._sender is not None:
            for message in messages:
                if message.span is not None:
                    message.span.end()
