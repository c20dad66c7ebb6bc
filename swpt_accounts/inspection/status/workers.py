"""Which workers there have to be, and what waits for whom."""

from types import MappingProxyType
from typing import Final

from swpt_accounts.observability.metrics.definitions import SCANS

WORKERS: Final = (
    "consume_messages",
    "process_transfer_requests",
    "process_finalization_requests",
    "process_balance_changes",
    "flush_messages",
    "consume_chore_messages",
    *SCANS,
)
"""Each keeps a session with the database while it runs."""

VERIFYING: Final = "verify_recipients"
"""A part of `process_transfer_requests`, with work where there are other shards."""

WORKER_OF: Final = MappingProxyType(
    {
        "transfer_request": "process_transfer_requests",
        "unverified_transfer_request": VERIFYING,
        "finalization_request": "process_finalization_requests",
        "pending_balance_change": "process_balance_changes",
    }
)
"""By queue table. All other tables are emptied by `flush_messages`."""


def worker_of(table: str) -> str:
    """Who empties a queue or an outbox."""
    return WORKER_OF.get(table, "flush_messages")
