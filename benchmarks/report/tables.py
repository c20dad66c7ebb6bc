"""The tables of the page, in Markdown."""

from collections.abc import Callable

from benchmarks.report import limit_tables, load_tables, resource_tables
from benchmarks.report.figures import Results
from benchmarks.report.markdown import table
from benchmarks.report.targets import TARGETS


def _targets(results: Results) -> str:
    rows = []
    for target in TARGETS:
        if (outcome := target.judge(results)) is not None:
            verdict = "yes" if outcome.is_met else "**no**"
            rows.append((target.what, target.wanted, outcome.text, verdict))
    return table(("what", "wanted", "reached", "met"), rows)


def _machine(results: Results) -> str:
    machine = results["machine"]
    return (
        f"{machine['cores']} cores of {machine['processor']}, {machine['memory_mib']:,} MiB,"
        f" {machine['system']}; Python {machine['python']}, PostgreSQL {machine['postgresql']}"
        f" (synchronous_commit {machine['synchronous_commit']}), RabbitMQ {machine['rabbitmq']};"
        f" measured at {machine['measured_at']}."
    )


TABLES: dict[str, Callable[[Results], str]] = {
    "targets": _targets,
    "machine": _machine,
    "throughput": load_tables.throughput,
    "latencies": load_tables.latencies,
    "settings": load_tables.settings,
    "scan": load_tables.scan,
    "shards": load_tables.shards,
    "extras": load_tables.extras,
    "roles": load_tables.roles,
    "database": load_tables.database,
    "raw limits": limit_tables.raw_limits,
    "idle": resource_tables.idle,
    "light": resource_tables.light,
    "status": resource_tables.status,
    "storm": resource_tables.storm,
    "pss": resource_tables.pss,
}
"""By the name of the part of the page that they fill."""
