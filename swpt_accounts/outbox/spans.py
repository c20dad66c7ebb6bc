"""The spans of sent messages. Where nothing is traced, all of this does nothing."""

from collections.abc import Iterable, Sequence
from typing import Any

from swpt_accounts.observability.tracing.setup import open_sender
from swpt_accounts.outbox.returned_messages import Outgoing
from swpt_accounts.outbox.serialization import make_publication
from swpt_accounts.outbox.tables import OutboxTable
from swpt_accounts.settings import Settings


class TracedMessages:
    """Makes messages of rows, and starts and ends their spans."""

    def __init__(self, settings: Settings) -> None:
        self._sender = open_sender(settings)

    def outgoing(self, outbox: OutboxTable, row: tuple[Any, ...]) -> Outgoing:
        """The message of a row, which carries on the trace of the row."""
        message = outbox.message(row)
        publication = make_publication(message)
        context = outbox.trace_context(row)
        if self._sender is None or context is None:
            return Outgoing(outbox.name, publication)
        span = self._sender.begin(
            message,
            publication.exchange,
            publication.routing_key,
            publication.properties.headers,
            publication.body,
            context,
        )
        return Outgoing(outbox.name, publication, span=span)

    def note_refused(self, outgoing: Sequence[Outgoing], positions: Iterable[int]) -> None:
        """The broker does not take the messages at these positions."""
        if self._sender is not None:
            for position in positions:
                if (span := outgoing[position].span) is not None:
                    span.refuse()

    def end(self, outgoing: Iterable[Outgoing]) -> None:
        """The broker has answered for the messages, and that is committed."""
        if self._sender is not None:
            for message in outgoing:
                if message.span is not None:
                    message.span.end()
