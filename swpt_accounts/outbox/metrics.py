"""What a flusher records of the messages that it has sent."""

from collections import Counter
from datetime import UTC, datetime
from typing import Final

from swpt_accounts.observability.metrics.batches import note_batch
from swpt_accounts.observability.metrics.definitions import (
    MESSAGES_SENT,
    RETURNED_MESSAGES,
    SEND_SECONDS,
)
from swpt_accounts.observability.metrics.recorder import BoundedLabel, count, is_on, observe
from swpt_accounts.outbox.flush import Flush

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
