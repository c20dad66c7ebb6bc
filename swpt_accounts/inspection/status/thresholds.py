"""When something is late, long, or too many: for `status`, the console and the alert rules.

Tests compare deploy/observability/alerts.yaml and the documents with this table.
"""

from typing import Final

LATE_SECONDS: Final = 60.0
"""The oldest row of a table waits for so long: a warning."""
VERY_LATE_SECONDS: Final = 600.0
"""An error."""
UNVERIFIED_LATE_SECONDS: Final = 30.0
"""Requests wait for another shard for two minutes at most, then they are rejected."""
BACKLOG_COUNT: Final = 10_000
"""So many messages in a queue, or rows in a table, are a backlog."""
LONG_TRANSACTION_SECONDS: Final = 60.0
"""A transaction that is open for so long may lock accounts."""
OLD_TRANSACTION_SECONDS: Final = 1800.0
"""And for so long, it holds back vacuum so that queues become slow to read."""
OVERDUE_RATIO: Final = 0.01
"""So many accounts of a sample were not visited by the accounts scan: it is late."""
FULL_RATIO: Final = 0.8
"""So full a queue of a peer will soon take no more."""


def late_seconds(table: str) -> float:
    """When the oldest row of a table is late."""
    is_unverified = table == "unverified_transfer_request"
    return UNVERIFIED_LATE_SECONDS if is_unverified else LATE_SECONDS
