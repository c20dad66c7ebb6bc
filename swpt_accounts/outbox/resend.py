"""Sends messages again, to peers that have lost them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from time import monotonic
from typing import Final

import msgspec

from swpt_accounts.broker.publisher import Publication, Publisher
from swpt_accounts.outbox.messages import make_publication
from swpt_accounts.smp.outgoing import SIGNALS
from swpt_accounts.workers.shutdown import ShutdownEvent

BATCH_COUNT: Final = 100

SentMessage = tuple[str, bytes]
"""Its type and its body."""


def publication(message_type: str, body: bytes) -> Publication:
    """The message with its body, its headers and its route, as they were."""
    message = msgspec.json.decode(body, type=SIGNALS[f"{message_type}Signal"])
    return replace(make_publication(message), body=body)


class Resender:
    """Publishes batches at a bounded pace, and counts what became of them."""

    def __init__(self, publisher: Publisher, shutdown: ShutdownEvent, per_second: float) -> None:
        self._publisher = publisher
        self._shutdown = shutdown
        self._per_second = per_second
        self._begun_at = monotonic()
        self._tried_count = 0
        self.sent: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    def send(self, messages: Sequence[SentMessage]) -> bool:
        """Send messages. Returns whether all were tried: not after the stop.

        Raises `AMQPError`; then some of the last batch may have been sent.
        """
        for start in range(0, len(messages), BATCH_COUNT):
            if not self._keep_pace():
                return False
            batch = messages[start : start + BATCH_COUNT]
            refused = self._publisher.publish(publication(*message) for message in batch)
            self._tried_count += len(batch)
            self.sent.update(kind for n, (kind, _) in enumerate(batch) if n not in refused)
            self.refused.update(refused.values())
        return True

    def _keep_pace(self) -> bool:
        """Wait until the next batch is due. Returns False at the stop."""
        due_at = self._begun_at + self._tried_count / self._per_second
        while (rest := due_at - monotonic()) > 0:
            if self._shutdown.wait(min(rest, 1.0)):
                return False
            self._publisher.keep_alive()
        return not self._shutdown.is_requested()
