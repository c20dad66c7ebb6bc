"""What the inbox records of the messages that it has handled."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from swpt_accounts.broker.consumer import Refusal
from swpt_accounts.inbox.batch import ReceivedMessage
from swpt_accounts.observability.metrics.definitions import MESSAGES_HELD, MESSAGES_RECEIVED
from swpt_accounts.observability.metrics.recorder import count, is_on, set_value
from swpt_accounts.smp.decoder import MESSAGE_TYPES

_UNKNOWN: Final = "unknown"


def note_received(received: Iterable[ReceivedMessage], refusals: Iterable[Refusal]) -> None:
    """Note messages that are acknowledged, and which of them the database has refused."""
    if not is_on():
        return
    refused = list(refusals)
    counts = Counter(type(r.message).__name__ for r in received)
    counts.subtract(Counter(map(_type_of, refused)))
    for message_type, number in counts.items():
        count(MESSAGES_RECEIVED, max(number, 0), message_type, "done")
    note_refused(refused)


def note_refused(refusals: Iterable[Refusal]) -> None:
    """Note messages that have become dead letters."""
    for refusal in refusals:
        count(MESSAGES_RECEIVED, 1, _type_of(refusal), "dead_letter")


def note_parked(locked_accounts_count: int, unknown_rates_count: int) -> None:
    """Note how many messages of this thread are parked."""
    set_value(MESSAGES_HELD, locked_accounts_count, "lock")
    set_value(MESSAGES_HELD, unknown_rates_count, "shard")


def _type_of(refusal: Refusal) -> str:
    message_type = refusal.delivery.properties.type
    return message_type if message_type in MESSAGE_TYPES else _UNKNOWN
