"""A plan for readers, for programs, and as rows of the table in docs/scaling.md."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from scripts.sizing.coefficients import Coefficients
from scripts.sizing.plan import Assumptions, Plan

TABLE_HEAD = (
    "accounts",
    "transfers a second",
    "shards",
    "clusters of RabbitMQ",
    "busy cores: authority, PostgreSQL, RabbitMQ",
    "cores to have",
    "RAM, GB",
    "disk, GB",
    "WAL a day, GB",
    "restore of a shard",
    "what breaks first",
)


def as_text(plan: Plan, coefficients: Coefficients, assumptions: Assumptions) -> str:
    """Some lines, each with a number and what it is."""
    nodes = assumptions.broker_nodes
    limits = ", ".join(f"{limit.name} {_percent(limit.used)}" for limit in plan.limits)
    rows = [
        ("shards", f"{plan.shards_count:,}, {plan.cores_per_shard} cores each"),
        ("transfers across shards", _percent(plan.crossing_share)),
        ("AccountUpdates a second", f"{_short(plan.updates_per_second)} at most"),
        ("busy cores", f"authority {_short(plan.authority_cores)}"),
        ("", f"PostgreSQL {_short(plan.database_cores)}"),
        ("", f"RabbitMQ {_short(plan.broker_cores)}, all nodes"),
        (
            "clusters of RabbitMQ",
            f"{plan.broker_clusters_count:,}, {nodes} nodes each",
        ),
        ("cores to have", _short(plan.machine_cores)),
        ("RAM", f"{_short(plan.memory_gb)} GB"),
        ("disk", f"{_short(plan.database_gb)} GB"),
        ("  accounts", f"{_short(plan.accounts_gb)} GB"),
        ("  archive", f"{_short(plan.archive_gb)} GB"),
        ("  journal", f"{_short(plan.journal_gb)} GB"),
        ("WAL a day", f"{_short(plan.wal_gb_per_day)} GB"),
        ("backup", f"{_short(plan.backup_gb)} GB"),
        ("restore of a shard", duration(plan.restore_hours)),
        ("network", f"{_short(plan.network_mb_per_second)} MB a second"),
        ("what breaks first", _first(plan)),
        ("limits of a shard, used", limits),
    ]
    lines = [f"{name:<26}{text}" for name, text in rows]
    lines += ["", f"Measured at {coefficients.measured_at}, on {coefficients.cores_count} cores."]
    if coefficients.not_measured:
        lines.append(f"Not measured, but guessed: {', '.join(coefficients.not_measured)}.")
    if plan.cores_per_shard != coefficients.cores_count:
        lines.append(f"Not tried: a shard on {plan.cores_per_shard} cores.")
    lines.append("Assumed: " + ", ".join(f"{n} {v}" for n, v in asdict(assumptions).items()) + ".")
    return "\n".join(lines) + "\n"


def as_json(plan: Plan, coefficients: Coefficients, assumptions: Assumptions) -> str:
    """Everything, with the coefficients and the assumptions."""
    document = {
        "plan": {**asdict(plan), "breaks_first": plan.first_limit.name, "fits": plan.is_enough},
        "coefficients": asdict(coefficients),
        "assumptions": asdict(assumptions),
    }
    return json.dumps(document, indent=2) + "\n"


def as_table(plans: Iterable[Plan]) -> str:
    """A row for each plan, in Markdown."""
    return markdown(TABLE_HEAD, [_row(plan) for plan in plans])


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose columns are numbers, but for the last one."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---:|" * (len(head) - 1) + "---|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def duration(hours: float) -> str:
    """A time in the unit that suits it."""
    if hours < 1 / 3600:
        return "< 1 s"
    if hours < 1 / 60:
        return f"{3600 * hours:.0f} s"
    if hours < 1:
        return f"{60 * hours:.0f} min"
    return f"{hours:.1f} h"


def _row(plan: Plan) -> tuple[str, ...]:
    cores = (plan.authority_cores, plan.database_cores, plan.broker_cores)
    return (
        f"{plan.accounts_count:,}",
        f"{plan.transfers_per_second:,.0f}",
        f"{plan.shards_count:,}",
        f"{plan.broker_clusters_count:,}",
        " + ".join(_short(busy) for busy in cores),
        _short(plan.machine_cores),
        _short(plan.memory_gb),
        _short(plan.database_gb),
        _short(plan.wal_gb_per_day),
        duration(plan.restore_hours),
        _first(plan),
    )


def _first(plan: Plan) -> str:
    limit = plan.first_limit
    return f"{limit.name} ({_percent(limit.used)})"


def _percent(share: float) -> str:
    return f"{100 * share:,.0f} %" if share >= 0.095 else f"{100 * share:.2g} %"


def _short(value: float) -> str:
    """A number of about two digits: more of them would say nothing."""
    if not value:
        return "0"
    if value >= 100:
        digits = len(f"{value:.0f}")
        return f"{round(value, 2 - digits):,.0f}"
    return f"{float(f'{value:.2g}'):g}" if value >= 0.001 else "0.001"
