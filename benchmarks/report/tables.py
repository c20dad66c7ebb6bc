"""The tables of the page, in Markdown."""

from collections.abc import Callable, Iterable, Sequence

from benchmarks.report.figures import (
    Results,
    figure,
    latency,
    limit,
    milliseconds,
    runs_of,
    text_of,
)
from benchmarks.report.targets import TARGETS
from benchmarks.spread import spread
from benchmarks.usage import ALL_ROLES, DRIVER

PERCENTS = (50, 90, 99, 99.9, 100)
_TRANSFERS = ("burst", "to_one", "from_one", "zipf")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table. The first column is text, the others are numbers."""
    lines = ["| " + " | ".join(head) + " |"]
    lines.append("|---|" + "---:|" * (len(head) - 1))
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


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


def _throughput(results: Results) -> str:
    rows = []
    for name in ("burst", "to_one", "from_one", "zipf", "opening", "fetch"):
        runs = runs_of(results, name)
        if not runs:
            continue
        rows.append(
            (
                f"`{name}`",
                f"{runs[0]['count']:,}",
                text_of(figure(results, name, "per_second")),
                text_of(figure(results, name, "cpu_ms_total"), 2),
                text_of(figure(results, name, "others_cores"), 2),
            )
        )
    head = ("scenario", "of", "a second", "CPU ms of each", "cores used by others")
    return table(head, rows)


def _latencies(results: Results) -> str:
    rows = []
    for scenario, name in (
        ("lone", "prepared"),
        ("lone", "credited"),
        ("steady", "prepared"),
        ("steady", "credited"),
        ("fetch", "at half"),
        ("fetch", "at most"),
    ):
        histogram = latency(results, scenario, name)
        if histogram is not None:
            cells = milliseconds(histogram, PERCENTS)
            rows.append((f"`{scenario}`: {name}", f"{histogram.count:,}", *cells))
    return table(("milliseconds", "of", "p50", "p90", "p99", "p99.9", "longest"), rows)


def _roles(results: Results) -> str:
    names = [name for name in _TRANSFERS if runs_of(results, name)]
    rows = [
        (role, *(text_of(figure(results, name, "cpu_ms", role), 3) for name in names))
        for role in ALL_ROLES
        if role != DRIVER
    ]
    rows.append(("together", *(text_of(figure(results, n, "cpu_ms_total"), 3) for n in names)))
    rows.append((DRIVER, *(text_of(figure(results, n, "cpu_ms", DRIVER), 3) for n in names)))
    return table(("CPU ms of a transfer", *(f"`{name}`" for name in names)), rows)


def _database(results: Results) -> str:
    runs = runs_of(results, "burst")
    if not runs:
        return "not measured"
    workers = sorted({name for run in runs for name in run["postgresql_ms"]})
    values = {w: spread([run["postgresql_ms"].get(w, 0.0) for run in runs]) for w in workers}
    shown = sorted(workers, key=lambda w: -values[w].median)[:6]
    rest = spread(
        [run["cpu_ms"]["PostgreSQL"] - sum(run["postgresql_ms"].values()) for run in runs]
    )
    rows = [(f"`{worker}`", text_of(values[worker], 3)) for worker in shown]
    rows.append(("checkpointer, WAL writer, autovacuum …", text_of(rest, 3)))
    return table(("PostgreSQL's process for", "CPU ms of a transfer"), rows)


def _statements(results: Results) -> str:
    runs = runs_of(results, "burst")
    if not runs or not runs[-1]["statements"]:
        return "not measured"
    count = runs[-1]["count"]
    rows = [
        (
            f"`{statement['text'][:60]}`",
            f"{statement['calls']:,}",
            f"{1000 * statement['total_ms'] / count:.1f}",
        )
        for statement in runs[-1]["statements"][:8]
    ]
    return table(("statement", "calls", "µs of a transfer"), rows)


_LIMITS = (
    ("publish_window", "persistent messages published into a quorum queue, confirms together", 0),
    ("publish_single", "… each confirm awaited", 0),
    ("consume_multiple", "messages consumed, acknowledged together", 0),
    ("consume_single", "… each alone", 0),
    ("broker_publish_us", "CPU µs of the broker for a published message", 0),
    ("broker_consume_us", "… for a consumed message", 0),
    ("commits", "transactions that insert one row", 0),
    ("insert_rows", "rows inserted, a thousand in a transaction", 0),
    ("delete_rows", "rows deleted, a thousand in a transaction", 0),
    ("broker_transfer_ms", "CPU ms of the broker for the six messages of a transfer alone", 2),
)


def _raw_limits(results: Results) -> str:
    rows = [(text, text_of(limit(results, name), digits)) for name, text, digits in _LIMITS]
    return table(("raw limit", "a second"), rows)


def _ratios(results: Results) -> str:
    rows = []
    floor = limit(results, "broker_transfer_ms").median
    burst = figure(results, "burst", "per_second")
    cost = figure(results, "burst", "cpu_ms_total")
    lone = latency(results, "lone", "credited")
    opening = figure(results, "opening", "per_second")
    publish, commits = limit(results, "publish_window").median, limit(results, "commits").median
    round_trip_ms = 1000 / limit(results, "publish_single").median + 1000 / commits
    if burst:
        rows.append(("published messages in the time of a transfer", publish / burst.median))
        rows.append(("transfers in the time of a commit of one row", burst.median / commits))
    if cost:
        rows.append(
            (
                "CPU time of a transfer, in times of what its messages alone cost the broker",
                cost.median / floor,
            )
        )
    if lone:
        trips = 1000 * lone.percentile(50) / round_trip_ms
        rows.append(("a lone transfer, in times of one confirmed message and one commit", trips))
    if opening:
        rows.append(
            ("accounts opened in the time of a commit of one row", opening.median / commits)
        )
    return table(("ratio", ""), [(text, f"{value:.2f}") for text, value in rows])


def _memory(results: Results) -> str:
    rows = [
        (f"`{name}`", f"{m['peak']:.0f}", f"{m['resident']:.0f}", f"{m['private']:.0f}")
        for name, m in results["memory"].items()
    ]
    return table(("MiB", "at its peak", "at the end", "shared with nobody"), rows)


def _scan(results: Results) -> str:
    if not runs_of(results, "scan"):
        return "not measured"
    rows = [
        (
            text,
            text_of(figure(results, "scan", name, "per_second")),
            text_of(figure(results, "scan", name, "cpu_ms_total"), 2),
        )
        for text, name in (
            ("without the scan", "without"),
            ("beside it, at the usual pace", "usual"),
            ("beside the quick pass", "quick"),
        )
    ]
    return table(("", "transfers a second", "CPU ms of each"), rows)


def _idle(results: Results) -> str:
    if not runs_of(results, "idle"):
        return "not measured"
    rows = [
        (role, text_of(figure(results, "idle", "role_percents", role), 2))
        for role in ALL_ROLES
        if role != DRIVER
    ]
    rows.append(("together", text_of(figure(results, "idle", "percent"), 2)))
    return table(("an idle authority", "% of a core"), rows)


TABLES: dict[str, Callable[[Results], str]] = {
    "targets": _targets,
    "machine": _machine,
    "throughput": _throughput,
    "latencies": _latencies,
    "roles": _roles,
    "database": _database,
    "statements": _statements,
    "raw limits": _raw_limits,
    "ratios": _ratios,
    "memory": _memory,
    "scan": _scan,
    "idle": _idle,
}
