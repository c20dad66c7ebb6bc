"""The status as JSON."""

from collections.abc import Sequence
from typing import Any

import msgspec

from swpt_accounts.inspection.status.health_rules import HealthFinding
from swpt_accounts.inspection.status.model import DatabaseState, ShardStatus
from swpt_accounts.observability.worker_names import worker_of


def as_json(status: ShardStatus, findings: Sequence[HealthFinding]) -> str:
    """One object, in one line."""
    queues = (status.incoming, status.chores, status.dead_letters)
    database = status.database
    members: dict[str, Any] = {
        "shard": status.shard,
        "seconds": round(status.seconds, 3),
        "findings": findings,
        "servers": status.servers,
        "queues": queues,
        "peer_queues": status.peer_queues,
        "workers": status.workers,
        "open_dead_letters_count": status.open_letters_count,
        "open_money_letters_count": status.open_money_letters_count,
        "database": None if database is None else _database(database, status),
    }
    return msgspec.json.encode(members).decode()


def _database(database: DatabaseState, status: ShardStatus) -> dict[str, Any]:
    return {
        "taken_at": database.taken_at,
        "is_replica": database.is_replica,
        "tables": [
            {
                "name": row.table_name,
                "rows_count": row.rows_count,
                "is_estimate": row.is_estimate,
                "oldest_seconds": row.age_seconds,
                "worker": worker_of(row.table_name),
                "rates": status.rates.get(row.table_name),
            }
            for row in database.backlog
        ],
        "workers": database.workers,
        "long_transactions": database.long_transactions,
        "returned_lines_count": database.returned_lines_count,
        "returned_lines": database.returned_lines,
        "accounts_sample": database.accounts,
        "scans": database.scans,
        "older_senders": database.older_senders,
    }
