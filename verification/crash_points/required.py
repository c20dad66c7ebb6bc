"""What has to be visited, from the code; and what cannot be, and why."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from swpt_accounts.db.procedures import PROCEDURES
from swpt_accounts.scans.chores import Chore
from swpt_accounts.smp.decoder import MESSAGE_TYPES
from swpt_accounts.smp.outgoing import SIGNALS
from verification.crash_points.catalogue import catalogue
from verification.crash_points.control import Point

_MENDING: Final = (
    "mend_gap, while all workers are stopped: tests/scans/test_sequence_repair.py lets it die"
    " between its parts"
)

UNVISITED: Final = {
    "scans.sequence_repair:open_repair:connect": _MENDING,
    "scans.sequence_repair:SequenceRepair.check_clock:execute": _MENDING,
    "scans.sequence_repair:SequenceRepair._pages:call_value TABLE_PAGES": _MENDING,
    "scans.sequence_repair:SequenceRepair._call_all:call_value": _MENDING,
    "scans.sequence_repair:SequenceRepair.mend:call PURGE_ACCOUNTS": _MENDING,
    "outbox.flush:watch_flush.watch:execute": (
        "SELECT 1, when the broker confirms nothing for ten seconds: it changes nothing"
    ),
    "broker.consumer:BatchConsumer.pause:basic_nack": (
        "only for what is delivered in the moment in which the consumer is cancelled"
    ),
    **dict.fromkeys(
        (
            "broker.queue_lengths:queue_length:queue_declare",
            "broker.queue_lengths:first_offset:basic_qos",
            "broker.queue_lengths:first_offset:basic_consume",
            "broker.queue_lengths:first_offset:>on_delivery",
        ),
        "only status and the exporter ask, and neither is a worker; it changes nothing",
    ),
    "dead_letters.reader:DeadLetterReader._consume:basic_ack": (
        "once in a hundred letters; a stream forgets nothing by it"
    ),
    "dead_letters.reader:DeadLetterReader._look:basic_get": (
        "only where the dead-letter queue is no stream; the letters go back when the reader dies"
    ),
    "dead_letters.resolutions:Register.forget_before:call FORGET_DEALT_WITH": (
        "only when the stream has dropped letters by its age: after weeks"
    ),
    "scans.accounts:AccountsScan.scan:call ADD_UP_ACCOUNTS": (
        "only where metrics are recorded; it only reads"
    ),
}
"""Sites that no scene comes by at, by their keys."""

UNCALLED: Final = {
    "get_config_data": "the fetch API asks, and changes nothing",
    "owner_columns": "only other procedures, and verify_shard_content, which only reads",
    "forget_dealt_with": "see Register.forget_before",
    "add_up_accounts": "only where metrics are recorded; it only reads",
    "count_outrun_accounts": _MENDING,
    "mend_outrun_accounts": _MENDING,
}
"""Procedures that no worker calls in a scene, by their names."""

_DELIVERED: Final = "broker.consumer:BatchConsumer._start:>_on_delivery"
_PUBLISHED: Final = "broker.publisher:Publisher._publish:basic_publish"
_CONFIRMED: Final = "broker.publisher:Publisher._on_channel_open:>_on_confirm"
_FLUSHED: Final = "outbox.worker:FlushWorker._flush:transaction"
_RECEIVED: Final = "inbox.commit:apply_messages:batch"
_ACKNOWLEDGED: Final = "broker.consumer:BatchConsumer._acknowledge:basic_ack"
_TAKEN_IN_BY: Final = {
    "ConfigureAccount": "configure_accounts",
    "PrepareTransfer": "receive_transfer_requests",
    "FinalizeTransfer": "receive_finalization_requests",
    "PendingBalanceChange": "receive_balance_changes",
}


@dataclass(frozen=True, slots=True)
class Goal:
    """Somebody is to die at a site, in a phase, about a subject. What is None is any."""

    site: str | None
    phase: str | None = None
    subject: str | None = None

    def is_met_by(self, point: Point) -> bool:
        return (
            self.site in (None, point.site)
            and self.phase in (None, point.phase)
            and self.subject in (None, point.subject)
        )


def required() -> Iterator[Goal]:
    """All goals that the code sets: each phase of each site, each procedure, each message."""
    for site in catalogue().values():
        if site.key not in UNVISITED:
            yield from (Goal(site.key, phase) for phase in site.phases)
    for procedure in PROCEDURES:
        if procedure.name not in UNCALLED:
            yield Goal(None, None, procedure.name)
    yield from _incoming()
    for message_type in SIGNALS.values():
        yield from _outgoing(message_type.__name__, _FLUSHED)
    for chore_type in _chore_types():
        yield Goal(_DELIVERED, "after", chore_type)
        yield from _outgoing(chore_type)


def _incoming() -> Iterator[Goal]:
    """Each type is read, taken in, and acknowledged."""
    for name in MESSAGE_TYPES:
        yield from (Goal(_DELIVERED, phase, name) for phase in ("before", "after"))
        procedure = _TAKEN_IN_BY[name]
        yield from (Goal(_RECEIVED, phase, procedure) for phase in ("end", "sent", "ended"))
        yield from (Goal(_ACKNOWLEDGED, phase, procedure) for phase in ("before", "after"))


def _outgoing(name: str, transaction: str | None = None) -> Iterator[Goal]:
    """Each type is published, and confirmed; what is in an outbox, is deleted."""
    for site in (_PUBLISHED, _CONFIRMED):
        yield from (Goal(site, phase, name) for phase in ("before", "after"))
    if transaction is not None:
        yield from (Goal(transaction, phase, name) for phase in ("end", "sent", "ended"))


def _chore_types() -> list[str]:
    return [kind.__name__ for kind in Chore.__subclasses__()]
