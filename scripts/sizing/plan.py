"""The arithmetic: what so many accounts and transfers need. It knows no files and no servers."""

import math
from dataclasses import dataclass

from scripts.sizing.coefficients import GB, QUICK_SCAN_ACCOUNTS, Coefficients, first_touches

ACCOUNTS_MAX = 10**12
TRANSFERS_PER_SECOND_MAX = 10.0**7
SHARDS_MAX = 2**20
"""A realm has 20 bits at most."""
KEEP_DAYS_MIN = 14.0
"""`REMOVE_FROM_ARCHIVE_THRESHOLD_DATE` cannot be nearer (APP_INTRANET_EXTREME_DELAY_DAYS)."""
KEEP_DAYS_MAX = 10_000.0
JOURNAL_DAYS_MAX = 30
CORES_MAX = 1024

DAY_SECONDS = 86_400.0
HEARTBEAT_SECONDS = 7 * DAY_SECONDS
"""APP_ACCOUNT_HEARTBEAT_DAYS."""
QUIET_SECONDS = 3_600.0
"""An account has no more than one AccountUpdate in this time, but for its heartbeats."""
DIGESTS_SECONDS = 960.0
"""For so long the digests of handled requests are kept."""
ARCHIVE_SCAN_DAYS = 7.0
"""APP_REGISTERED_BALANCE_CHANGES_SCAN_DAYS: so much later a row may be removed."""
VACUUM_SCALE_FACTOR = 0.05
"""Of the table of accounts: with so many dead rows for each account, autovacuum begins."""
QUEUED_BY_TRANSFER = 2
"""Messages that come in: PrepareTransfer and FinalizeTransfer."""
ACCOUNTS_BY_TRANSFER = 2
FREE_HALF = 2.0
"""Pages of accounts are filled to a half (fillfactor 50), so a byte more takes two."""


class PlanError(ValueError):
    """The question makes no sense, or has no answer. The text says why."""


@dataclass(frozen=True)
class Demand:
    """What is wanted. Raises `PlanError` for nonsense."""

    accounts_count: int
    transfers_per_second: float
    keep_days: float = 30.0
    """For so long the archive of balance changes is kept, by moving the threshold date."""
    journal_days: int = 0
    shards_count: int | None = None
    """None: as many as are needed."""

    def __post_init__(self) -> None:
        _check("accounts", self.accounts_count, 1, ACCOUNTS_MAX)
        _check("transfers a second", self.transfers_per_second, 0, TRANSFERS_PER_SECOND_MAX)
        _check("days to keep the archive", self.keep_days, KEEP_DAYS_MIN, KEEP_DAYS_MAX)
        _check("days of the journal", self.journal_days, 0, JOURNAL_DAYS_MAX)
        if self.shards_count is not None:
            _check("shards", self.shards_count, 1, SHARDS_MAX)


@dataclass(frozen=True)
class Assumptions:
    """What nobody has measured: choices, and rules of thumb. Raises `PlanError` for nonsense."""

    utilisation: float = 0.5
    """So much of what was measured at most is planned with: peaks and failures take the rest."""
    cores_per_shard: int | None = None
    """Of the machine of a shard. None: as many as that on which all was measured."""
    restore_hours_max: float = 4.0
    """So long may a shard be away while it is restored."""
    checkpoint_seconds: float = 300.0
    """Between two checkpoints (checkpoint_timeout), if max_wal_size does not bring them earlier."""
    broker_nodes: int = 3
    """Each has a replica of each queue, which costs as much as the one that was measured."""
    broker_cores_per_node: int = 16
    """Of a node of RabbitMQ: what is beyond them goes to another cluster."""
    broker_memory_gb: float = 2.0
    """Of a node of RabbitMQ: four times its write-ahead log of 512 MiB."""
    database_memory_gb_min: float = 1.0
    cached_share: float = 0.1
    """Of a database, so much is in memory."""
    text_bytes: float = 100.0
    """Of an account: what the debtor says of itself, and `config_data`."""
    index_wear: float = 3.0
    """Indexes of accounts grow to so many times their first size."""
    wal_days: float = 7.0
    """Between two base backups; for so long the WAL is kept."""
    dead_rows_by_transfer: float = 4.0
    """Versions of accounts: one is locked, debited, and the other credited; some twice."""

    def __post_init__(self) -> None:
        _check("utilisation", self.utilisation, 0.01, 1)
        if self.cores_per_shard is not None:
            _check("cores of a shard", self.cores_per_shard, 1, CORES_MAX)
        _check("hours of a restore", self.restore_hours_max, 0.01, 1000)
        _check("seconds between checkpoints", self.checkpoint_seconds, 1, DAY_SECONDS)
        _check("nodes of RabbitMQ", self.broker_nodes, 1, 7)
        _check("cores of a node of RabbitMQ", self.broker_cores_per_node, 1, CORES_MAX)


@dataclass(frozen=True)
class Limit:
    """Something that breaks in a shard, and how much of it is used: 1.0 is all that is planned."""

    name: str
    used: float


@dataclass(frozen=True)
class Plan:
    """What is needed. All are sums over all shards, where nothing else is said."""

    accounts_count: int
    transfers_per_second: float
    shards_count: int
    cores_per_shard: int
    crossing_share: float
    """Of the transfers, so many go from one shard to another."""
    updates_per_second: float
    """AccountUpdates, at most: of changed accounts, and heartbeats."""
    authority_cores: float
    """Busy cores, like the next two. Machines need more: divide by the utilisation."""
    database_cores: float
    broker_cores: float
    """Of all nodes of RabbitMQ."""
    broker_clusters_count: int
    """Of `Assumptions.broker_nodes` nodes each."""
    machine_cores: float
    """Cores to have, so that no more than the planned share of them is busy."""
    database_gb: float
    accounts_gb: float
    archive_gb: float
    journal_gb: float
    wal_gb_per_day: float
    backup_gb: float
    """A base backup, and the WAL until the next one."""
    memory_gb: float
    network_mb_per_second: float
    restore_hours: float
    """Of one shard, by pg_restore. Shards are restored side by side."""
    limits: tuple[Limit, ...]
    """Of one shard; what is nearest comes first."""

    @property
    def first_limit(self) -> Limit:
        """What breaks first."""
        return self.limits[0]

    @property
    def is_enough(self) -> bool:
        """Whether no limit is passed."""
        return self.first_limit.used <= 1


def make_plan(
    demand: Demand, coefficients: Coefficients, assumptions: Assumptions | None = None
) -> Plan:
    """What is needed, with as many shards as are wanted, or as few as will do.

    Raises `PlanError` when no number of shards will do. A shard is split into two, so their
    number is a power of two.
    """
    chosen = assumptions or Assumptions()
    if demand.shards_count is not None:
        return _plan_of(demand, coefficients, chosen, demand.shards_count)
    shards_count = 1
    while shards_count <= SHARDS_MAX:
        plan = _plan_of(demand, coefficients, chosen, shards_count)
        if plan.is_enough:
            return plan
        shards_count *= 2
    raise PlanError(f"not even {SHARDS_MAX:,} shards will do: {plan.first_limit.name}")


def _check(name: str, value: float, least: float, most: float) -> None:
    if not (math.isfinite(value) and least <= value <= most):
        raise PlanError(f"{name}: {value:,g} is not between {least:,g} and {most:,g}")


def _plan_of(demand: Demand, c: Coefficients, a: Assumptions, shards_count: int) -> Plan:
    rate = demand.transfers_per_second
    crossing_share = (shards_count - 1) / shards_count
    cost = 1 + crossing_share * (c.crossing_ratio - 1)
    updates = demand.accounts_count / HEARTBEAT_SECONDS + min(
        ACCOUNTS_BY_TRANSFER * rate, demand.accounts_count / QUIET_SECONDS
    )
    authority = (rate * cost * c.authority_cpu_ms + updates * c.update_authority_cpu_ms) / 1000
    database = (rate * cost * c.database_cpu_ms + updates * c.update_database_cpu_ms) / 1000
    broker = (rate * cost * c.broker_cpu_ms + updates * c.update_broker_cpu_ms) / 1000

    accounts_gb = demand.accounts_count * _account_bytes(c, a) / GB
    archive_days = demand.keep_days + ARCHIVE_SCAN_DAYS
    archive_gb = archive_days * DAY_SECONDS * rate * crossing_share * c.archived_bytes / GB
    journal_gb = (
        (demand.journal_days + 1) * DAY_SECONDS * rate * cost * c.journal_bytes / GB
        if demand.journal_days
        else 0.0
    )
    digests_gb = DIGESTS_SECONDS * rate * c.digest_bytes / GB
    database_gb = accounts_gb + archive_gb + journal_gb + digests_gb

    touches = ACCOUNTS_BY_TRANSFER * rate * a.checkpoint_seconds
    images = first_touches(touches, demand.accounts_count / c.accounts_per_page)
    journal_wal = c.journal_bytes if demand.journal_days else 0.0
    transfer_wal = (c.wal_bytes + images * c.image_wal_bytes + journal_wal) * cost
    wal_gb = DAY_SECONDS * (rate * transfer_wal + updates * c.update_wal_bytes) / GB

    restore_hours = database_gb / shards_count * c.restore_seconds_per_gb / 3600
    cores = a.cores_per_shard or c.cores_count
    machine_cores = (authority + database + broker * a.broker_nodes) / a.utilisation
    memory = shards_count * (
        c.memory_mib * 2**20 / GB
        + max(a.database_memory_gb_min, a.cached_share * database_gb / shards_count)
    )
    clusters = max(math.ceil(broker / (a.broker_cores_per_node * a.utilisation)), 1)
    limits = _limits(
        a,
        cpu=(authority + database + broker) / shards_count / cores,
        queue=rate
        * (QUEUED_BY_TRANSFER + crossing_share)
        / shards_count
        / c.queue_messages_per_second,
        scan=c.scan_cores * demand.accounts_count / shards_count / QUICK_SCAN_ACCOUNTS,
        vacuum=c.vacuum_seconds
        * (a.dead_rows_by_transfer * rate + updates)
        / VACUUM_SCALE_FACTOR
        / shards_count,
        restore=restore_hours / a.restore_hours_max,
    )
    return Plan(
        accounts_count=demand.accounts_count,
        transfers_per_second=rate,
        shards_count=shards_count,
        cores_per_shard=cores,
        crossing_share=crossing_share,
        updates_per_second=updates,
        authority_cores=authority,
        database_cores=database,
        broker_cores=broker * a.broker_nodes,
        broker_clusters_count=clusters,
        machine_cores=machine_cores,
        database_gb=database_gb,
        accounts_gb=accounts_gb,
        archive_gb=archive_gb,
        journal_gb=journal_gb,
        wal_gb_per_day=wal_gb,
        backup_gb=database_gb + wal_gb * a.wal_days,
        memory_gb=memory + clusters * a.broker_nodes * a.broker_memory_gb,
        network_mb_per_second=(rate * cost * c.network_bytes + updates * 3 * c.update_message_bytes)
        / 1e6,
        restore_hours=restore_hours,
        limits=limits,
    )


def _account_bytes(c: Coefficients, a: Assumptions) -> float:
    return c.account_bytes + FREE_HALF * a.text_bytes + (a.index_wear - 1) * c.account_index_bytes


def _limits(
    a: Assumptions, *, cpu: float, queue: float, scan: float, vacuum: float, restore: float
) -> tuple[Limit, ...]:
    """The nearest first. A vacuum and the scan work in one process each, so 1.0 is a core."""
    limits = (
        Limit("the cores of a shard's machine", cpu / a.utilisation),
        Limit("the shard's queue in RabbitMQ", queue / a.utilisation),
        Limit("the scan of the accounts", scan / a.utilisation),
        Limit("the vacuum of the accounts", vacuum / a.utilisation),
        Limit("the time of a restore", restore),
    )
    return tuple(sorted(limits, key=lambda limit: -limit.used))
