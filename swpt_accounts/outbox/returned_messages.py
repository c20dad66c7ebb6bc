"""Messages that the broker did not take: put aside, each in the line of its destination."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from swpt_accounts.broker.publisher import Publication
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.procedures import (
    END_RETURNED_LINES,
    NOTE_RETURNED_LINES,
    PUT_ASIDE_MESSAGES,
    TAKE_DUE_MESSAGES,
)
from swpt_accounts.observability.events.messages import MESSAGES_PUT_ASIDE, PUT_ASIDE_SENT
from swpt_accounts.outbox.serialization import destination_of, make_publication, traceparent_of
from swpt_accounts.smp.outgoing import SIGNALS

if TYPE_CHECKING:
    from swpt_accounts.observability.tracing.sent_spans import SentSpan

logger = logging.getLogger(__name__)

LINES_COUNT_MAX = 500


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that is being sent. `attempts_count` is how often it has failed before."""

    signal_name: str
    publication: Publication
    attempts_count: int = 0
    span: "SentSpan | None" = None


@dataclass(frozen=True, slots=True)
class Returned(Outgoing):
    """One that was put aside. It had no `destination` if the version before has done that."""

    id: int | None = None
    put_aside_at: datetime | None = None
    destination: str | None = None


def take_due_messages(
    connection: DatabaseConnection, signal_names: Iterable[str], count_max: int
) -> list[Returned]:
    """Take messages out of those put aside that are due to be sent again, in their order.

    Their lines stay locked until the end of the transaction.
    """
    rows = connection.call_table(
        TAKE_DUE_MESSAGES, signal_names=list(signal_names), count_max=count_max
    )
    return [
        Returned(
            row.signal_name,
            make_publication(
                msgspec.json.decode(row.body, type=SIGNALS[row.signal_name]), row.trace_context
            ),
            row.attempts_count,
            id=row.id,
            put_aside_at=row.put_aside_at,
            destination=row.destination,
        )
        for row in sorted(rows, key=lambda row: row.id)
    ]


def note_lines(
    connection: DatabaseConnection, returned: list[Returned], refused: Mapping[int, str]
) -> bool:
    """Note which lines go on, and which have to wait, now that these messages were sent again.

    `refused` has the positions of those that the broker did not take. Returns whether any line
    goes on.
    """
    sent: Counter[tuple[str, str]] = Counter()
    closed = set()
    for position, message in enumerate(returned):
        if message.destination is not None:
            line = (message.signal_name, message.destination)
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
    connection: DatabaseConnection, outgoing: Sequence[Outgoing], refused: Mapping[int, str]
) -> None:
    """Put aside the messages at the `refused` positions, with the reasons of the broker."""
    failed = [(outgoing[position], reason) for position, reason in sorted(refused.items())]
    lines = Counter((message.signal_name, _destination(message)) for message, _ in failed)
    reasons = {(m.signal_name, _destination(m)): reason for m, reason in reversed(failed)}
    begun = connection.call_table(
        PUT_ASIDE_MESSAGES,
        **PUT_ASIDE_MESSAGES.arrays(
            failed,
            id=lambda f: getattr(f[0], "id", None),
            signal_name=lambda f: f[0].signal_name,
            destination=lambda f: _destination(f[0]),
            body=lambda f: f[0].publication.body,
            reason=lambda f: f[1],
            attempts_count=lambda f: f[0].attempts_count + 1,
            put_aside_at=lambda f: getattr(f[0], "put_aside_at", None),
            trace_context=lambda f: traceparent_of(f[0].publication),
        ),
    )
    for line in begun:
        MESSAGES_PUT_ASIDE.log(
            logger,
            message_type=SIGNALS[line.signal_name].__name__,
            destination=line.destination,
            reason=reasons[line],
            count=lines[line],
        )


def _destination(message: Outgoing) -> str:
    return destination_of(message.publication)


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
