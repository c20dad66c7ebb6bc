"""The overview as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import msgspec

from swpt_accounts.inspection.status.health_rules import Finding
from swpt_accounts.inspection.status.model import Overview
from swpt_accounts.inspection.status.workers import worker_of


def as_json(overview: Overview, found: Sequence[Finding]) -> str:
    """One object, in one line."""
    told: dict[str, Any] = {
        "shard": overview.shard,
        "seconds": round(overview.seconds, 3),
        "findings": [asdict(finding) for finding in found],
        "servers": [asdict(server) for server in overview.servers],
        "queues": [
            asdict(queue) for queue in (overview.incoming, overview.chores, overview.dead_letters)
        ],
        "open_dead_letters_count": overview.open_letters_count,
        "database": None if overview.database is None else _database(overview),
    }
    return msgspec.json.encode(told).decode()


def _database(overview: Overview) -> dict[str, Any]:
    database = overview.database
    assert database is not None
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
                "rates": asdict(rates) if (rates := overview.rates.get(row.table_name)) else None,
            }
            for row in database.backlog
        ],
        "workers": [asdict(worker) for worker in database.workers],
        "long_transactions": [asdict(one) for one in database.long_transactions],
        "returned_lines_count": database.returned_lines_count,
        "returned_lines": [asdict(line) for line in database.returned_lines],
        "accounts_sample": asdict(database.accounts),
        "scans": [asdict(scan) for scan in database.scans],
    }
