"""What the inbox records of the messages that it has handled: metrics, spans, the log."""

import logging
from collections import Counter
from collections.abc import Iterable
from threading import Lock
from typing import Final

from swpt_accounts.broker.consumer import Refusal
from swpt_accounts.inbox.batch import ReceivedMessage
from swpt_accounts.observability.events.messages import (
    BALANCE_CHANGE_IGNORED,
    BALANCE_CHANGES_IGNORED,
)
from swpt_accounts.observability.metrics.definitions import MESSAGES_HELD, MESSAGES_RECEIVED
from swpt_accounts.observability.metrics.recorder import count, is_on, set_value
from swpt_accounts.observability.tracing.setup import open_receiver
from swpt_accounts.settings import Settings
from swpt_accounts.smp.decoder import MESSAGE_TYPES
from swpt_accounts.smp.incoming import PendingBalanceChange

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


class ReceivedSpans:
    """Starts and ends the spans of messages. One without an end is delivered again."""

    def __init__(self, settings: Settings) -> None:
        self._receiver = open_receiver(settings)

    def begin(self, received: Iterable[ReceivedMessage]) -> None:
        if self._receiver is not None:
            for r in received:
                headers = r.delivery.properties.headers
                r.span = self._receiver.begin(
                    headers, r.delivery.routing_key, r.delivery.body, r.message
                )

    def refuse(self, refusals: Iterable[Refusal]) -> None:
        """Messages that cannot be read, or do not belong here, are dead letters."""
        if self._receiver is not None:
            for delivery in (refusal.delivery for refusal in refusals):
                self._receiver.begin(
                    delivery.properties.headers, delivery.routing_key, delivery.body
                ).end("malformed")

    def end(self, finished: Iterable[ReceivedMessage], refusals: Iterable[Refusal]) -> None:
        """Messages are acknowledged; those that the database refuses are dead letters."""
        if self._receiver is not None:
            refused = {refusal.delivery.tag for refusal in refusals}
            for r in finished:
                if r.span is not None:
                    r.span.end("refused" if r.delivery.tag in refused else None)


logger = logging.getLogger(__name__)

LINES_COUNT_MAX: Final = 10


class StaleChanges:
    """Counts them in this process, and logs a few of each batch."""

    def __init__(self) -> None:
        self._count = 0
        self._lock = Lock()

    def report(self, settings: Settings, received: list[ReceivedMessage]) -> None:
        """Log which of the messages are ignored. If one was not applied before, its amount is
        missing.
        """
        threshold = settings.remove_from_archive_threshold_date
        changes = [r.message for r in received if isinstance(r.message, PendingBalanceChange)]
        ignored = [change for change in changes if change.committed_at < threshold]
        if not ignored:
            return
        with self._lock:
            self._count += len(ignored)
            total = self._count
        for change in ignored[:LINES_COUNT_MAX]:
            BALANCE_CHANGE_IGNORED.log(
                logger,
                debtor_id=change.debtor_id,
                creditor_id=change.creditor_id,
                other_creditor_id=change.other_creditor_id,
                change_id=change.change_id,
                principal_delta=change.principal_delta,
                committed_at=change.committed_at.isoformat(),
                coordinator_type=change.coordinator_type,
                total_count=total,
            )
        if len(ignored) > LINES_COUNT_MAX:
            BALANCE_CHANGES_IGNORED.log(
                logger, count=len(ignored) - LINES_COUNT_MAX, total_count=total
            )


stale_changes: Final = StaleChanges()
