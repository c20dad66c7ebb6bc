"""What a flusher records of the messages that it has sent: metrics and spans."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from swpt_accounts.observability.metrics.definitions import (
    MESSAGES_SENT,
    RETURNED_MESSAGES,
    SEND_SECONDS,
)
from swpt_accounts.observability.metrics.recorder import (
    BoundedLabel,
    count,
    is_on,
    note_batch,
    observe,
)
from swpt_accounts.observability.tracing.setup import open_sender
from swpt_accounts.outbox.flush import Flush
from swpt_accounts.outbox.messages import OutboxMessage
from swpt_accounts.settings import Settings

_destinations: Final = BoundedLabel()


def note_flush(loop: str, flush: Flush, seconds: float) -> None:
    """Note that all is confirmed and committed, but for what is put aside."""
    if not is_on():
        return
    note_batch(loop, len(flush.messages), seconds)
    sent = Counter(message.signal_name for message in flush.messages)
    for position in flush.refused:
        message = flush.messages[position]
        sent[message.signal_name] -= 1
        count(MESSAGES_SENT, 1, _type_of(message.signal_name), "returned")
        count(RETURNED_MESSAGES, 1, _destinations.value(message.destination))
    for signal_name, number in sent.items():
        count(MESSAGES_SENT, number, _type_of(signal_name), "confirmed")
    now = datetime.now(UTC)
    for signal_name, written_at in flush.oldest.items():
        age = (now - datetime.fromisoformat(written_at)).total_seconds()
        # the clock of the database may be ahead of this one
        observe(SEND_SECONDS, max(age, 0.0), _type_of(signal_name), count=sent[signal_name])


def _type_of(signal_name: str) -> str:
    return signal_name.removesuffix("Signal")


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
