"""The list of the workers: commands that run until they are stopped.

`status`, the exporter, the health checks and the console are made of it. Tests compare it with
docker/supervisord.conf, the commands, the alert rules and the documents.
"""

from typing import Final

FLUSHER: Final = "flush_messages"
SCANS: Final = ("scan_accounts", "scan_prepared_transfers", "scan_registered_balance_changes")
WORKERS: Final = (
    "consume_messages",
    "process_transfer_requests",
    "process_finalization_requests",
    "process_balance_changes",
    FLUSHER,
    "consume_chore_messages",
    *SCANS,
)
"""Every shard needs all of them. Each keeps a database connection while it runs."""

VERIFIER: Final = "verify_recipients"
"""A loop of `process_transfer_requests`, with work where there are other shards."""

LOOPS: Final = (*WORKERS[:2], VERIFIER, *WORKERS[2:])
"""The workers and that loop, in the order in which people see them."""

EXPORTER: Final = "serve_metrics"
"""The command of the exporter, on which no worker depends."""

_WORKER_OF_TABLE: Final = {
    "transfer_request": "process_transfer_requests",
    "unverified_transfer_request": VERIFIER,
    "finalization_request": "process_finalization_requests",
    "pending_balance_change": "process_balance_changes",
}


def worker_of(table: str) -> str:
    """The worker that empties a queue table or an outbox."""
    return _WORKER_OF_TABLE.get(table, FLUSHER)
