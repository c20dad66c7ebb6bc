"""Messages that the broker did not take: put aside, and sent again later."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace

import msgspec

from swpt_accounts.broker.publisher import Publication
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.procedures import PUT_ASIDE_MESSAGES, TAKE_DUE_MESSAGES
from swpt_accounts.outbox.publications import make_publication
from swpt_accounts.smp.outgoing import SIGNALS

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that is being sent. `attempts_count` is how often it has failed before."""

    signal_name: str
    publication: Publication
    attempts_count: int = 0


def take_due_messages(
    connection: DatabaseConnection, signal_names: Iterable[str], count_max: int
) -> list[Outgoing]:
    """Take messages out of those put aside that are due to be sent again."""
    rows = connection.call_table(
        TAKE_DUE_MESSAGES, signal_names=list(signal_names), count_max=count_max
    )
    return [
        Outgoing(
            row.signal_name,
            make_publication(msgspec.json.decode(row.body, type=SIGNALS[row.signal_name])),
            row.attempts_count,
        )
        for row in sorted(rows, key=lambda row: row.id)
    ]


def put_aside(
    connection: DatabaseConnection, outgoing: list[Outgoing], refused: dict[int, str]
) -> None:
    """Put aside the messages at the `refused` positions, with the reasons of the broker."""
    failed = [
        (replace(outgoing[position], attempts_count=outgoing[position].attempts_count + 1), reason)
        for position, reason in sorted(refused.items())
    ]
    first, reason = failed[0]
    logger.warning(
        "The broker did not take %d of %d messages, which will be sent again later;"
        " the first: %s to %r with routing key %r: %s",
        len(failed),
        len(outgoing),
        first.publication.properties.type,
        first.publication.exchange,
        first.publication.routing_key,
        reason,
    )
    connection.call(
        PUT_ASIDE_MESSAGES,
        **PUT_ASIDE_MESSAGES.arrays(
            failed,
            signal_name=lambda f: f[0].signal_name,
            body=lambda f: f[0].publication.body,
            reason=lambda f: f[1],
            attempts_count=lambda f: f[0].attempts_count,
        ),
    )
