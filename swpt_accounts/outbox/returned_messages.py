"""Messages that the broker did not take: put aside, each in the line of its destination."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.procedures import (
    END_RETURNED_LINES,
    NOTE_RETURNED_LINES,
    PUT_ASIDE_MESSAGES,
    TAKE_DUE_MESSAGES,
)
from swpt_accounts.observability.events.messages import MESSAGES_PUT_ASIDE, PUT_ASIDE_SENT
from swpt_accounts.outbox.messages import OutboxMessage
from swpt_accounts.smp.outgoing import SIGNALS

logger = logging.getLogger(__name__)

LINES_COUNT_MAX = 500


def take_due_messages(
    connection: DatabaseConnection, signal_names: Iterable[str], count_max: int
) -> list[OutboxMessage]:
    """Take messages out of those put aside that are due to be sent again, in their order.

    Their lines stay locked until the end of the transaction.
    """
    rows = connection.call_table(
        TAKE_DUE_MESSAGES, signal_names=list(signal_names), count_max=count_max
    )
    return [
        OutboxMessage.of(
            msgspec.json.decode(row.body, type=SIGNALS[row.signal_name]),
            row.trace_context,
            id=row.id,
            attempts_count=row.attempts_count,
            put_aside_at=row.put_aside_at,
            line=row.destination,
        )
        for row in sorted(rows, key=lambda row: row.id)
    ]


def note_lines(
    connection: DatabaseConnection, returned: Sequence[OutboxMessage], refused: Mapping[int, str]
) -> bool:
    """Note which lines go on, and which have to wait, now that these messages were sent again.

    `refused` has the positions of those that the broker did not take. Returns whether any line
    goes on.
    """
    sent: Counter[tuple[str, str]] = Counter()
    closed = set()
    for position, message in enumerate(returned):
        if message.line is not None:
            line = (message.signal_name, message.line)
            sent[line] += position not in refused
            if position in refused:
                closed.add(line)
    if sent:
        connection.call(
            NOTE_RETURNED_LINES,
            **NOTE_RETURNED_LINES.arrays(
                sent,
                signal_name=lambda line: line[0],
                destination=lambda line: line[1],
                is_open=lambda line: line not in closed,
                sent_count=lambda line: sent[line],
            ),
        )
    return len(closed) < len(sent)


def put_aside(
    connection: DatabaseConnection, messages: Sequence[OutboxMessage], refused: Mapping[int, str]
) -> None:
    """Put aside the messages at the `refused` positions, with the reasons of the broker."""
    failed = [(messages[position], reason) for position, reason in sorted(refused.items())]
    counts = Counter((message.signal_name, message.destination) for message, _ in failed)
    reasons = {(m.signal_name, m.destination): reason for m, reason in reversed(failed)}
    begun = connection.call_table(
        PUT_ASIDE_MESSAGES,
        **PUT_ASIDE_MESSAGES.arrays(
            failed,
            id=lambda f: f[0].id,
            signal_name=lambda f: f[0].signal_name,
            destination=lambda f: f[0].destination,
            body=lambda f: f[0].publication.body,
            reason=lambda f: f[1],
            attempts_count=lambda f: f[0].attempts_count + 1,
            put_aside_at=lambda f: f[0].put_aside_at,
            trace_context=lambda f: f[0].traceparent,
        ),
    )
    for line in begun:
        MESSAGES_PUT_ASIDE.log(
            logger,
            message_type=SIGNALS[line.signal_name].__name__,
            destination=line.destination,
            reason=reasons[line],
            count=counts[line],
        )


def end_lines(connection: DatabaseConnection, signal_names: Iterable[str]) -> None:
    """End the lines that have no messages any more."""
    ended = connection.call_table(
        END_RETURNED_LINES, signal_names=list(signal_names), count_max=LINES_COUNT_MAX
    )
    for line in ended:
        PUT_ASIDE_SENT.log(
            logger,
            message_type=SIGNALS[line.signal_name].__name__,
            destination=line.destination,
            count=line.sent_count,
        )
