"""What was to be reached."""

from dataclasses import dataclass

from benchmarks.report.judging import (
    Judge,
    answers,
    as_fast_as_uniform,
    at_least,
    at_most,
    growth,
    held,
    idle,
    latencies,
    peak_memory,
    scan,
    share_of_best,
    total_memory,
)


@dataclass(frozen=True)
class Target:
    """A line of the table."""

    what: str
    wanted: str
    judge: Judge


TARGETS = (
    Target(
        "direct transfers, from the first request to the last recipient credited",
        "≥ 1,200 a second",
        at_least("burst", 1200, " a second"),
    ),
    Target(
        "CPU time of a transfer, of everything but the driver",
        "≤ 1.5 ms",
        at_most(1.5, 2, " ms", "burst", "cpu_ms_total"),
    ),
    Target(
        "a lone transfer (20 a second) is prepared",
        "p50 ≤ 20 ms, p99 ≤ 60 ms",
        latencies("lone", "prepared", {50: 20, 99: 60}),
    ),
    Target(
        "… and its recipient has the AccountTransfer, since the request",
        "p50 ≤ 50 ms, p99 ≤ 150 ms",
        latencies("lone", "credited", {50: 50, 99: 150}),
    ),
    Target(
        "all to one recipient; all from one sender; Zipf (s = 2)",
        "no slower than uniform",
        as_fast_as_uniform,
    ),
    Target("opening accounts", "≥ 3,000 a second", at_least("opening", 3000, " a second")),
    Target(
        "throughput with the default settings, beside that with the best",
        "≥ 95 %",
        share_of_best("ratio"),
    ),
    Target(
        "… and the speed of a lone transfer (its p50)",
        "≥ 95 %",
        share_of_best("latency_ratio"),
    ),
    Target(
        "`reachable`, one process of the fetch API",
        "≥ 2,000 a second over 16 kept-alive connections",
        answers(2000, 16),
    ),
    Target("… at half of that", "p99 ≤ 20 ms", latencies("fetch", "at half", {99: 20})),
    Target(
        "cost of a transfer with 100,000 queued requests, beside that with 1,000",
        "≤ 1.3 times",
        at_most(1.3, 2, " times", "backlog", "ratio"),
    ),
    Target(
        "cost of a transfer with 1,000,000 accounts, beside that with 1,000",
        "≤ 1.3 times",
        at_most(1.3, 2, " times", "accounts", "ratio"),
    ),
    Target(
        "cost of a transfer from one shard to another, beside that within one, when the recipients"
        " are known: two shards",
        "≤ 1.6 times",
        at_most(1.6, 2, " times", "shards", "2", "ratio_known"),
    ),
    Target("… four shards", "≤ 1.6 times", at_most(1.6, 2, " times", "shards", "4", "ratio_known")),
    Target(
        "… when each recipient is asked about for the first time: two shards",
        "≤ 1.6 times",
        at_most(1.6, 2, " times", "shards", "2", "ratio"),
    ),
    Target("… four shards", "≤ 1.6 times", at_most(1.6, 2, " times", "shards", "4", "ratio")),
    Target(
        "throughput beside the accounts scan at the pace for 100,000,000 accounts",
        "at most a tenth less",
        scan,
    ),
    Target(
        "`status`, the whole process, with a million accounts, and a million rows that wait",
        "≤ 1 s",
        at_most(1.0, 2, " s", "status", "seconds"),
    ),
    Target("throughput beside a transaction that is held open", "at most a tenth less", held),
    Target(
        "memory (PSS) of all services after a load, supervisor included",
        "≤ 350 MB",
        total_memory,
    ),
    Target(
        "start of all services, until they serve",
        "≤ 1.5 s",
        at_most(1.5, 2, " s", "light", "start_seconds"),
    ),
    Target("memory of each worker process, at its peak", "≤ 90 MB", peak_memory),
    Target("growth of a worker process under load", "none", growth),
    Target("an idle authority: its processes and database sessions", "≤ 0.3 % of a core", idle),
    Target(
        "… all services under one supervisor, and their database sessions",
        "≤ 0.3 % of a core",
        at_most(0.3, 2, " %", "light", "idle_percent"),
    ),
    Target(
        "… the processes alone, with all that PostgreSQL and RabbitMQ take",
        "< 1 % of a core",
        at_most(1.0, 2, " %", "idle", "percent"),
    ),
)
