"""The tables of what loads reach, and of what they cost."""

from benchmarks.report.figures import Results, figure, latency, milliseconds, runs_of, text_of
from benchmarks.report.markdown import table
from benchmarks.settings import SETTINGS
from benchmarks.spread import spread
from benchmarks.usage import ALL_ROLES, DRIVER

_PERCENTS = (50, 90, 99, 99.9, 100)
_TRANSFERS = ("burst", "to_one", "from_one", "zipf")


def throughput(results: Results) -> str:
    """How many were done in a second, and the CPU time of each."""
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


def latencies(results: Results) -> str:
    """Percentiles of the times of transfers and of answers."""
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
            cells = milliseconds(histogram, _PERCENTS)
            rows.append((f"`{scenario}`: {name}", f"{histogram.count:,}", *cells))
    return table(("milliseconds", "of", "p50", "p90", "p99", "p99.9", "longest"), rows)


def settings(results: Results) -> str:
    """The same loads with different settings."""
    if not runs_of(results, "settings"):
        return "not measured"
    rows = []
    for name in SETTINGS:
        credited = latency(results, "settings", "credited", name)
        assert credited is not None
        rows.append(
            (
                name,
                text_of(figure(results, "settings", name, "per_second")),
                text_of(figure(results, "settings", name, "cpu_ms_total"), 2),
                *milliseconds(credited, (50, 99)),
            )
        )
    return table(("settings", "a second", "CPU ms of each", "lone: p50 ms", "p99 ms"), rows)


def scan(results: Results) -> str:
    """The same load without the accounts scan, and beside it."""
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


def extras(results: Results) -> str:
    """What is off by default, beside the same without it."""
    rows = []
    for scenario, name, what in (
        ("metrics", "on", "`METRICS_PORT`"),
        ("journal", "on", "`JOURNAL_DAYS`"),
        ("opentelemetry", "one in a hundred", "`APP_OPENTELEMETRY`, of one message in a hundred"),
        ("opentelemetry", "all", "`APP_OPENTELEMETRY`, of all messages"),
    ):
        rows.append(
            (
                what,
                text_of(figure(results, scenario, "throughput_ratios", name), 2, " times"),
                text_of(figure(results, scenario, "cpu_ratios", name), 2, " times"),
            )
        )
    return table(("with", "transfers a second", "CPU ms of each"), rows)


_ACROSS = {
    "across": ("ratio", "asked about for the first time"),
    "across, known": ("ratio_known", "known, nearly all"),
    "across, cached": ("ratio_cached", "asked about for the first time, behind a cache"),
}


def shards(results: Results) -> str:
    """What transfers cost within shards, and across."""
    if not runs_of(results, "shards"):
        return "not measured"

    def cell(name: str, pattern: str, key: str) -> str:
        return text_of(figure(results, "shards", name, pattern, key), 2)

    rows = []
    for name in ("1", "2", "4"):
        rows.append((name, "within a shard", cell(name, "within", "cpu_ms_total"), *[""] * 4))
        for pattern, (ratio, recipients) in _ACROSS.items() if name != "1" else ():
            rows.append(
                (
                    name,
                    f"from one to another; recipients: {recipients}",
                    cell(name, pattern, "cpu_ms_total"),
                    text_of(figure(results, "shards", name, ratio), 2, " times"),
                    cell(name, pattern, "questions_each"),
                    cell(name, pattern, "cached_share"),
                    text_of(figure(results, "shards", name, pattern, "front_ms"), 3),
                )
            )
    head = (
        *("shards", "transfers", "CPU ms of each", "beside one within"),
        *("questions to the fetch API, of each", "share that the cache answers"),
        "CPU ms of nginx, not counted before",
    )
    return table(head, rows)


def roles(results: Results) -> str:
    """The CPU time of a transfer, by role."""
    names = [name for name in _TRANSFERS if runs_of(results, name)]
    rows = [
        (role, *(text_of(figure(results, name, "cpu_ms", role), 3) for name in names))
        for role in ALL_ROLES
        if role != DRIVER
    ]
    rows.append(("together", *(text_of(figure(results, n, "cpu_ms_total"), 3) for n in names)))
    rows.append((DRIVER, *(text_of(figure(results, n, "cpu_ms", DRIVER), 3) for n in names)))
    return table(("CPU ms of a transfer", *(f"`{name}`" for name in names)), rows)


def database(results: Results) -> str:
    """The CPU time of PostgreSQL's processes, by the worker for which they work."""
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
