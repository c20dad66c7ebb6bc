"""Notes in the journal what the broker has confirmed."""

from collections.abc import Container, Iterator, Sequence

import msgspec

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.outbox.returned_messages import Outgoing
from swpt_accounts.smp.outgoing import SIGNALS, OutgoingMessage
from swpt_accounts.workers.journal import record


def record_sent(
    connection: DatabaseConnection, outgoing: Sequence[Outgoing], refused: Container[int]
) -> None:
    """Note all messages but those at the `refused` positions, in the transaction under way."""

    def sent() -> Iterator[tuple[OutgoingMessage, bytes]]:
        for position, message in enumerate(outgoing):
            if position not in refused:
                body = message.publication.body
                yield msgspec.json.decode(body, type=SIGNALS[message.signal_name]), body

    record(connection.call, sent(), is_sent=True)
