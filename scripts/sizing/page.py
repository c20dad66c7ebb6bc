"""The generated parts of docs/scaling.md: between `<!-- begin NAME -->` and `<!-- end NAME -->`."""

import re
from collections.abc import Callable
from pathlib import Path

from scripts.sizing.coefficients import Coefficients, Results, coefficients_of
from scripts.sizing.plan import Assumptions, Demand, make_plan
from scripts.sizing.wording import as_table, markdown

PAGE = Path(__file__).parents[2] / "docs" / "scaling.md"
LADDER = (
    (1_000, 10),
    (10_000, 10),
    (100_000, 100),
    (1_000_000, 100),
    (1_000_000, 1_000),
    (10_000_000, 1_000),
    (100_000_000, 1_000),
    (100_000_000, 10_000),
    (1_000_000_000, 10_000),
    (1_000_000_000, 100_000),
)
LARGER_CORES = 16
LARGER_FROM = 1_000
"""Transfers a second: below that, a larger machine has nothing to do."""
_MEANINGS = {
    "account_bytes": "an account on the disk, new, with its indexes, without its texts",
    "account_index_bytes": "of them, in indexes",
    "archived_bytes": "a credit from another shard, in the archive",
    "digest_bytes": "a handled request, for a quarter of an hour",
    "journal_bytes": "a transfer in the journal",
    "wal_bytes": "WAL of a transfer, without images of pages",
    "image_wal_bytes": "… more, if both accounts' pages are changed first since a checkpoint",
    "update_wal_bytes": "WAL of an AccountUpdate, right after a checkpoint",
    "network_bytes": "a transfer, over all connections together",
    "update_message_bytes": "the body of an AccountUpdate",
    "throughput_per_second": "transfers, in a burst",
    "authority_cpu_ms": "CPU of a transfer within a shard: the authority's processes",
    "database_cpu_ms": "… PostgreSQL",
    "broker_cpu_ms": "… RabbitMQ, one node",
    "update_authority_cpu_ms": "CPU of an AccountUpdate by the scan: the authority's processes",
    "update_database_cpu_ms": "… PostgreSQL",
    "update_broker_cpu_ms": "… RabbitMQ, one node",
    "crossing_ratio": "the cost of a transfer across shards, in times of one within, when its"
    " recipient is asked about for the first time",
    "scan_cores": "the accounts scan, at the pace for 100,000,000 accounts",
    "queue_messages_per_second": "messages through one quorum queue: in, and out again",
    "vacuum_seconds": "a vacuum of a million accounts",
    "restore_seconds_per_gb": "a GB, restored by pg_restore",
    "memory_mib": "all services of a shard",
}
_PART = re.compile(r"(<!-- begin (.+?) -->\n).*?(<!-- end \2 -->)", re.DOTALL)


def fill(text: str, results: Results) -> str:
    """The text of the page with the tables of these results."""
    coefficients = coefficients_of(results)
    return _PART.sub(lambda m: f"{m[1]}\n{PARTS[m[2]](coefficients)}\n\n{m[3]}", text)


def write(results: Results) -> None:
    """Make the parts anew."""
    PAGE.write_text(fill(PAGE.read_text(encoding="utf-8"), results), encoding="utf-8")


def _sizes(coefficients: Coefficients) -> str:
    return as_table(make_plan(Demand(accounts, rate), coefficients) for accounts, rate in LADDER)


def _larger(coefficients: Coefficients) -> str:
    assumptions = Assumptions(cores_per_shard=LARGER_CORES)
    return as_table(
        make_plan(Demand(accounts, rate), coefficients, assumptions)
        for accounts, rate in LADDER
        if rate >= LARGER_FROM
    )


def _coefficients(c: Coefficients) -> str:
    values = {
        "account_bytes": f"{c.account_bytes:,.0f} bytes",
        "account_index_bytes": f"{c.account_index_bytes:,.0f} bytes",
        "archived_bytes": f"{c.archived_bytes:,.0f} bytes",
        "digest_bytes": f"{c.digest_bytes:,.0f} bytes",
        "journal_bytes": f"{c.journal_bytes:,.0f} bytes",
        "wal_bytes": f"{c.wal_bytes:,.0f} bytes",
        "image_wal_bytes": f"{c.image_wal_bytes:,.0f} bytes",
        "update_wal_bytes": f"{c.update_wal_bytes:,.0f} bytes",
        "network_bytes": f"{c.network_bytes:,.0f} bytes",
        "update_message_bytes": f"{c.update_message_bytes:,.0f} bytes",
        "throughput_per_second": f"{c.throughput_per_second:,.0f} a second",
        "authority_cpu_ms": f"{c.authority_cpu_ms:.3f} ms",
        "database_cpu_ms": f"{c.database_cpu_ms:.3f} ms",
        "broker_cpu_ms": f"{c.broker_cpu_ms:.3f} ms",
        "update_authority_cpu_ms": f"{c.update_authority_cpu_ms:.3f} ms",
        "update_database_cpu_ms": f"{c.update_database_cpu_ms:.3f} ms",
        "update_broker_cpu_ms": f"{c.update_broker_cpu_ms:.3f} ms",
        "crossing_ratio": f"{c.crossing_ratio:.2f} times",
        "scan_cores": f"{c.scan_cores:.2f} cores",
        "queue_messages_per_second": f"{c.queue_messages_per_second:,.0f} a second",
        "vacuum_seconds": f"{1e6 * c.vacuum_seconds:,.2g} s",
        "restore_seconds_per_gb": f"{c.restore_seconds_per_gb:,.0f} s",
        "memory_mib": f"{c.memory_mib:,.0f} MiB",
    }
    rows = (
        (value, "no" if name in c.not_measured else "yes", f"{_MEANINGS[name]} (`{name}`)")
        for name, value in values.items()
    )
    return markdown(("value", "measured", "what it is, and its name with `--json`"), rows)


PARTS: dict[str, Callable[[Coefficients], str]] = {
    "coefficients": _coefficients,
    "sizes": _sizes,
    "larger machines": _larger,
}
"""By the name of the part of the page that they fill."""
