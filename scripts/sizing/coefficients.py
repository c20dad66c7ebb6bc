"""What the benchmark has measured of an account and a transfer.

What it has not measured yet has a value from a small run, and is named as not measured.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

Results = dict[str, Any]

RESULTS = Path(__file__).parents[2] / "docs" / "performance" / "results.json"
QUICK_SCAN_ACCOUNTS = 100_000_000
"""The scenario `scan` has a pass at the pace for so many accounts."""
SEVERAL_SHARDS = "4"
"""As many has the scenario `shards` at most."""
GB = 1e9

_TINY = 1e-12
_DATABASE, _BROKER, _DRIVER = "PostgreSQL", "broker", "driver"


class NotMeasuredError(Exception):
    """The results lack what nothing can be said without."""


@dataclass(frozen=True)
class Coefficients:
    """All are for one account, one transfer, one AccountUpdate, or one second, as named."""

    cores_count: int
    """Of the machine on which all was measured, and which did all the work."""
    measured_at: str
    throughput_per_second: float
    """Transfers, in a burst."""
    authority_cpu_ms: float
    """Of a transfer within a shard, like the next two."""
    database_cpu_ms: float
    broker_cpu_ms: float
    crossing_ratio: float
    """What a transfer across shards costs, in times of one within a shard."""
    update_authority_cpu_ms: float
    update_database_cpu_ms: float
    update_broker_cpu_ms: float
    scan_cores: float
    """Of the accounts scan, at the pace for `QUICK_SCAN_ACCOUNTS`."""
    queue_messages_per_second: float
    """Through one queue: each is published and consumed."""
    memory_mib: float
    """Of all services of a shard."""
    account_bytes: float
    """On the disk, with its indexes, new, and without the texts that debtors and agents choose."""
    account_index_bytes: float
    """Of them, those of the indexes."""
    accounts_per_page: float
    archived_bytes: float
    digest_bytes: float
    journal_bytes: float
    """Of a transfer."""
    wal_bytes: float
    """Of a transfer whose pages are all in the WAL already since the last checkpoint."""
    image_wal_bytes: float
    """More, of a transfer whose accounts' pages are all changed for the first time since it."""
    update_wal_bytes: float
    network_bytes: float
    """Of a transfer, over all connections, if every process is on another machine."""
    update_message_bytes: float
    vacuum_seconds: float
    """Of the table of accounts, for one account."""
    restore_seconds_per_gb: float
    not_measured: tuple[str, ...]
    """What has its value from a small run, or from another document."""


# From a run with 5,000 transfers among 100,000 accounts, on a machine on which others worked. The
# crossing ratio is a bound that was set, and the journal's bytes are those of docs/performance.md.
_SMALL = {
    "account_bytes": 590.0,
    "account_index_bytes": 63.0,
    "accounts_per_page": 17.0,
    "archived_bytes": 150.0,
    "digest_bytes": 20.0,
    "wal_bytes": 4_200.0,
    "image_wal_bytes": 10_000.0,
    "update_wal_bytes": 2_900.0,
    "update_authority_cpu_ms": 0.11,
    "update_database_cpu_ms": 0.33,
    "update_broker_cpu_ms": 0.16,
    "update_message_bytes": 760.0,
    "network_bytes": 9_600.0,
    "vacuum_seconds": 5.5e-7,
    "restore_seconds_per_gb": 15.0,
    "crossing_ratio": 1.6,
    "journal_bytes": 4_000.0,
}


def read_results(path: Path = RESULTS) -> Results:
    """A file of the benchmark. Raises `NotMeasuredError`."""
    try:
        results: Results = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotMeasuredError(f"there is no {path}: ./dev bench --publish makes it") from None
    return results


def coefficients_of(results: Results) -> Coefficients:
    """Those in results of the benchmark. Raises `NotMeasuredError`."""
    reader = _Reader(results)
    limits = results["raw_limits"]
    publish = median(one["publish_window"] for one in limits)
    consume = median(one["consume_multiple"] for one in limits)
    accounts_per_page = reader.whole("accounts_per_page", lambda one: one["accounts_per_page"])
    return Coefficients(
        cores_count=int(results["machine"]["cores"]),
        measured_at=str(results["machine"]["measured_at"]),
        throughput_per_second=reader.median("burst", lambda run: run["per_second"]),
        authority_cpu_ms=reader.median("burst", _cpu_of("authority")),
        database_cpu_ms=reader.median("burst", _cpu_of("database")),
        broker_cpu_ms=reader.median("burst", _cpu_of("broker")),
        crossing_ratio=reader.or_small("shards", "crossing_ratio", _crossing),
        update_authority_cpu_ms=reader.or_small(
            "sizes", "update_authority_cpu_ms", _cpu_of("authority", "update")
        ),
        update_database_cpu_ms=reader.or_small(
            "sizes", "update_database_cpu_ms", _cpu_of("database", "update")
        ),
        update_broker_cpu_ms=reader.or_small(
            "sizes", "update_broker_cpu_ms", _cpu_of("broker", "update")
        ),
        scan_cores=max(reader.median("scan", lambda run: run["extra_cores"]), 0.0),
        queue_messages_per_second=1 / (1 / publish + 1 / consume),
        memory_mib=reader.median("light", lambda run: run["pss_total"]),
        account_bytes=reader.whole("account_bytes", _sum_of("total")),
        account_index_bytes=reader.whole("account_index_bytes", _sum_of("indexes")),
        accounts_per_page=accounts_per_page,
        archived_bytes=reader.or_small(
            "sizes", "archived_bytes", lambda run: run["archive"]["bytes"]
        ),
        digest_bytes=reader.or_small(
            "sizes", "digest_bytes", lambda run: run["few"]["digest_bytes"]
        ),
        journal_bytes=reader.or_small(
            "journal", "journal_bytes", lambda run: run["on"]["bytes_per_transfer"]
        ),
        wal_bytes=reader.or_small("sizes", "wal_bytes", lambda run: run["few"]["wal_bytes"]),
        image_wal_bytes=reader.or_small(
            "sizes", "image_wal_bytes", lambda run: _image_bytes(run, accounts_per_page)
        ),
        update_wal_bytes=reader.or_small(
            "sizes", "update_wal_bytes", lambda run: run["update"]["wal_bytes"]
        ),
        network_bytes=reader.or_small(
            "sizes", "network_bytes", lambda run: run["few"]["network_bytes"]
        ),
        update_message_bytes=reader.or_small(
            "sizes", "update_message_bytes", lambda run: run["update"]["message_bytes"]
        ),
        vacuum_seconds=reader.or_small(
            "sizes",
            "vacuum_seconds",
            lambda run: run["vacuum"]["seconds"] / run["vacuum"]["accounts_count"],
        ),
        restore_seconds_per_gb=reader.or_small("sizes", "restore_seconds_per_gb", _restore),
        not_measured=tuple(reader.missing),
    )


class _Reader:
    """Takes numbers out of results, and notes what is not in them."""

    def __init__(self, results: Results) -> None:
        self._scenarios: Results = results["scenarios"]
        self.missing: list[str] = []

    def runs(self, scenario: str) -> list[Results]:
        runs: list[Results] = self._scenarios.get(scenario, {}).get("runs", [])
        if not runs:
            raise NotMeasuredError(f"{scenario}: ./dev bench --only {scenario} --publish")
        return runs

    def median(self, scenario: str, value_of: Callable[[Results], float]) -> float:
        return median(float(value_of(run)) for run in self.runs(scenario))

    def or_small(self, scenario: str, name: str, value_of: Callable[[Results], float]) -> float:
        """The median over the runs; the value of a small run, where that was not measured."""
        try:
            return self.median(scenario, value_of)
        except (NotMeasuredError, KeyError):
            self.missing.append(name)
            return _SMALL[name]

    def whole(self, name: str, value_of: Callable[[Results], float]) -> float:
        """A number of the scenario `sizes` that does not differ between its runs."""
        if "sizes" in self._scenarios:
            return value_of(self._scenarios["sizes"])
        self.missing.append(name)
        return _SMALL[name]


def _part(role: str) -> str:
    """Whose CPU time this is."""
    return {_DATABASE: "database", _BROKER: "broker", _DRIVER: "driver"}.get(role, "authority")


def _cpu_of(part: str, *path: str) -> Callable[[Results], float]:
    """The CPU time of a part of the whole, in a run or in a part of one."""

    def value(run: Results) -> float:
        for name in path:
            run = run[name]
        return float(sum(ms for role, ms in run["cpu_ms"].items() if _part(role) == part))

    return value


def _crossing(run: Results) -> float:
    return float(run[SEVERAL_SHARDS]["ratio"])


def _sum_of(part: str) -> Callable[[Results], float]:
    def value(scenario: Results) -> float:
        return float(sum(sizes[part] for sizes in scenario["account_bytes"].values()))

    return value


def first_touches(touches: float, pages: float) -> float:
    """The share of touches that are the first of their page, if pages are touched at random."""
    ratio = touches / pages
    return -math.expm1(-ratio) / ratio if ratio > _TINY else 1.0


def _image_bytes(run: Results, accounts_per_page: float) -> float:
    """A transfer touches two accounts, and not always is it the first touch of their pages."""
    few, many = run["few"], run["many"]
    share = first_touches(2 * many["count"], many["accounts_count"] / accounts_per_page)
    return float(max(many["wal_bytes"] - few["wal_bytes"], 0.0) / share)


def _restore(run: Results) -> float:
    restore = run["restore"]
    seconds = max(restore["restore_seconds"] - restore["schema_seconds"], 0.0)
    return float(seconds / (restore["restored_bytes"] / GB))
