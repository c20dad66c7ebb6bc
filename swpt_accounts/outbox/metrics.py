"""What a flusher records of the messages that it has sent."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from swpt_accounts.observability.metrics.batches import note_batch
from swpt_accounts.observability.metrics.definitions import (
    MESSAGES_SENT,
    RETURNED_MESSAGES,
    SEND_SECONDS,
)
from swpt_accounts.observability.metrics.recorder import BoundedLabel, count, is_on, observe
from swpt_accounts.outbox.returned_messages import Outgoing
from swpt_accounts.outbox.serialization import destination_of

_destinations: Final = BoundedLabel()


class FlushRecord:
    """A flush: since when the oldest message of each outbox has waited, as the tables say it."""

    def __init__(self) -> None:
        self._oldest: dict[str, str] = {}

    def note_oldest(self, signal_name: str, written_at: str) -> None:
        """Note the `ts` of the oldest row that is taken out of an outbox."""
        self._oldest[signal_name] = written_at

    def note_end(
        self, loop: str, outgoing: Sequence[Outgoing], refused: Mapping[int, str], seconds: float
    ) -> None:
        """Note that all is confirmed and committed, but for what is put aside."""
        if not is_on():
            return
        note_batch(loop, len(outgoing), seconds)
        sent = Counter(message.signal_name for message in outgoing)
        for position in refused:
            message = outgoing[position]
            sent[message.signal_name] -= 1
            count(MESSAGES_SENT, 1, _type_of(message.signal_name), "returned")
            count(RETURNED_MESSAGES, 1, _destinations.value(destination_of(message.publication)))
        for signal_name, number in sent.items():
            count(MESSAGES_SENT, number, _type_of(signal_name), "confirmed")
        now = datetime.now(UTC)
        for signal_name, written_at in self._oldest.items():
            age = (now - datetime.fromisoformat(written_at)).total_seconds()
            # the clock of the database may be ahead of this one
            observe(SEND_SECONDS, max(age, 0.0), _type_of(signal_name), count=sent[signal_name])


def _type_of(signal_name: str) -> str:
    return signal_name.removesuffix("Signal")
