"""The tables of the page, in Markdown."""

from collections.abc import Callable, Iterable, Sequence

from benchmarks.report.cores import rows_of_laws, rows_of_machines, rows_of_several
from benchmarks.report.curve import CAUSES, CURVE, rows_of_causes, rows_of_curve
from benchmarks.report.figures import (
    Results,
    figure,
    latency,
    limit,
    milliseconds,
    runs_of,
    spread,
    spreads_by_name,
    text_of,
)
from benchmarks.report.targets import TARGETS
from benchmarks.scenarios.queue_types import AT_ONCE, CONSUMED, PUBLISHED, TYPES
from benchmarks.scenarios.stomp import RATE, WAYS
from benchmarks.settings import SETTINGS
from benchmarks.usage import ALL_ROLES, BROKER, DRIVER, PEER, POSTGRES, STOMP_CLIENT, STOMP_SERVER

NOT_MEASURED = "not measured"
_PERCENTS = (50, 90, 99, 99.9, 100)
_TRANSFERS = ("burst", "to_one", "from_one", "zipf")
_ROLES = tuple(role for role in ALL_ROLES if role != DRIVER)
Row = Sequence[str]
Line = tuple[str, int, tuple[str, ...]]
"""The words of a line, how many digits its numbers have, and where these are in a run."""


def table(head: Row, rows: Iterable[Row]) -> str:
    """A table. The first column is text, the others are numbers."""
    lines = ["| " + " | ".join(head) + " |"]
    lines.append("|---|" + "---:|" * (len(head) - 1))
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def _table_of(results: Results, scenario: str, head: str, lines: Iterable[Line], unit: str) -> str:
    """A table with a number in each line."""
    if not runs_of(results, scenario):
        return NOT_MEASURED
    rows = [(words, text_of(figure(results, scenario, *p), digits)) for words, digits, p in lines]
    return table((head, unit), rows)


def _targets(results: Results) -> str:
    rows = []
    for target in TARGETS:
        if (outcome := target.judge(results)) is not None:
            text, is_met = outcome
            rows.append((target.what, target.wanted, text, "yes" if is_met else "**no**"))
    return table(("what", "wanted", "reached", "met"), rows)


def _machine(results: Results) -> str:
    machine = results["machine"]
    return (
        f"{machine['cores']} cores of {machine['processor']}, {machine['memory_mib']:,} MiB,"
        f" {machine['system']}; Python {machine['python']}, PostgreSQL {machine['postgresql']}"
        f" (synchronous_commit {machine['synchronous_commit']}), RabbitMQ {machine['rabbitmq']};"
        f" measured at {machine['measured_at']}."
    )


# -- loads ----------------------------------------------------------------------


def _throughput(results: Results) -> str:
    rows = [
        (
            f"`{name}`",
            f"{runs[0]['count']:,}",
            text_of(figure(results, name, "per_second")),
            text_of(figure(results, name, "cpu_ms_total"), 2),
            text_of(figure(results, name, "others_cores"), 2),
        )
        for name in (*_TRANSFERS, "opening", "fetch")
        if (runs := runs_of(results, name))
    ]
    head = ("scenario", "of", "a second", "CPU ms of each", "cores used by others")
    return table(head, rows)


def _latencies(results: Results) -> str:
    places = (
        *(("lone", "prepared"), ("lone", "credited"), ("steady", "prepared")),
        *(("steady", "credited"), ("fetch", "at half"), ("fetch", "at most")),
    )
    rows = [
        (f"`{place[0]}`: {place[1]}", f"{found.count:,}", *milliseconds(found, _PERCENTS))
        for place in places
        if (found := latency(results, *place)) is not None
    ]
    return table(("milliseconds", "of", "p50", "p90", "p99", "p99.9", "longest"), rows)


def _made(head: Row, make: Callable[[Results], list[list[str]]]) -> Callable[[Results], str]:
    """A table whose rows are made elsewhere."""

    def fill(results: Results) -> str:
        return table(head, rows) if (rows := make(results)) else NOT_MEASURED

    return fill


def _speed_and_cost(results: Results, scenario: str, name: str) -> tuple[str, str]:
    return (
        text_of(figure(results, scenario, name, "per_second")),
        text_of(figure(results, scenario, name, "cpu_ms_total"), 2),
    )


def _settings(results: Results) -> str:
    rows = [
        (name, *_speed_and_cost(results, "settings", name), *milliseconds(credited, (50, 99)))
        for name in SETTINGS
        if (credited := latency(results, "settings", "credited", name)) is not None
    ]
    return table(("settings", "a second", "CPU ms of each", "lone: p50 ms", "p99 ms"), rows)


def _beside(scenario: str, names: dict[str, str]) -> Callable[[Results], str]:
    """A load without something, and beside it."""

    def make(results: Results) -> str:
        if not runs_of(results, scenario):
            return NOT_MEASURED
        rows = [(words, *_speed_and_cost(results, scenario, name)) for name, words in names.items()]
        return table(("", "transfers a second", "CPU ms of each"), rows)

    return make


def _extras(results: Results) -> str:
    lines = (
        ("metrics", "on", "`METRICS_PORT`"),
        ("journal", "on", "`JOURNAL_DAYS`"),
        ("opentelemetry", "one in a hundred", "`APP_OPENTELEMETRY`, of one message in a hundred"),
        ("opentelemetry", "all", "`APP_OPENTELEMETRY`, of all messages"),
    )
    rows = [
        (
            what,
            text_of(figure(results, scenario, "throughput_ratios", name), 2, " times"),
            text_of(figure(results, scenario, "cpu_ratios", name), 2, " times"),
        )
        for scenario, name, what in lines
    ]
    return table(("with", "transfers a second", "CPU ms of each"), rows)


_ACROSS = {
    "across": ("ratio", "asked about for the first time"),
    "across, known": ("ratio_known", "known, nearly all"),
    "across, cached": ("ratio_cached", "asked about for the first time, behind a cache"),
}


def _shards(results: Results) -> str:
    if not runs_of(results, "shards"):
        return NOT_MEASURED

    def cell(*path: str, digits: int = 2, unit: str = "") -> str:
        return text_of(figure(results, "shards", *path), digits, unit)

    rows: list[Row] = []
    for name in ("1", "2", "4"):
        rows.append((name, "within a shard", cell(name, "within", "cpu_ms_total"), *[""] * 4))
        for pattern, (ratio, recipients) in _ACROSS.items() if name != "1" else ():
            rows.append(
                (
                    name,
                    f"from one to another; recipients: {recipients}",
                    cell(name, pattern, "cpu_ms_total"),
                    cell(name, ratio, unit=" times"),
                    cell(name, pattern, "questions_each"),
                    cell(name, pattern, "cached_share"),
                    cell(name, pattern, "front_ms", digits=3),
                )
            )
    head = (
        *("shards", "transfers", "CPU ms of each", "beside one within"),
        *("questions to the fetch API, of each", "share that the cache answers"),
        "CPU ms of nginx, not counted before",
    )
    return table(head, rows)


# -- where the time goes ----------------------------------------------------------


def _roles(results: Results) -> str:
    names = [name for name in _TRANSFERS if runs_of(results, name)]
    paths: dict[str, Sequence[str]] = {role: ("cpu_ms", role) for role in _ROLES}
    paths |= {"together": ("cpu_ms_total",), DRIVER: ("cpu_ms", DRIVER)}
    rows = [
        (words, *(text_of(figure(results, name, *path), 3) for name in names))
        for words, path in paths.items()
    ]
    return table(("CPU ms of a transfer", *(f"`{name}`" for name in names)), rows)


def _database(results: Results) -> str:
    runs = runs_of(results, "burst")
    if not runs:
        return NOT_MEASURED
    workers = spreads_by_name(runs, "postgresql_ms")
    rest = spread(run["cpu_ms"][POSTGRES] - sum(run["postgresql_ms"].values()) for run in runs)
    rows = [(f"`{worker}`", text_of(found, 3)) for worker, found in list(workers.items())[:6]]
    rows.append(("checkpointer, WAL writer, autovacuum …", text_of(rest, 3)))
    return table(("PostgreSQL's process for", "CPU ms of a transfer"), rows)


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


# -- what an authority takes of the machine ----------------------------------------


def _memory(results: Results) -> str:
    rows = [
        (f"`{name}`", f"{m['peak']:.0f}", f"{m['resident']:.0f}", f"{m['private']:.0f}")
        for name, m in results["memory"].items()
    ]
    return table(("MiB", "at its peak", "at the end", "shared with nobody"), rows)


_IDLE: Sequence[tuple[str, Row]] = (
    ("an idle authority", ()),
    ("… in ten containers with `METRICS_PORT`", ("with_metrics",)),
    ("the servers alone", ("alone",)),
)


def _idle(results: Results) -> str:
    if not (runs := runs_of(results, "idle")):
        return NOT_MEASURED
    paths: dict[str, Row] = {role: ("role_percents", role) for role in _ROLES}
    paths["together"] = ("percent",)
    states = [(words, path) for words, path in _IDLE if all(name in runs[0] for name in path)]
    rows = [
        (words, *(text_of(figure(results, "idle", *state, *path), 2) for _, state in states))
        for words, path in paths.items()
    ]
    return table(("% of a core", *(words for words, _ in states)), rows)


def _light(results: Results) -> str:
    lines: list[Line] = [
        ("start, until everything serves, seconds", 2, ("start_seconds",)),
        ("imports of a worker, seconds of CPU", 2, ("import", "cpu_seconds")),
        ("… seconds", 2, ("import", "wall_seconds")),
        ("idle, with the database sessions, % of a core", 2, ("idle_percent",)),
    ]
    return _table_of(results, "light", "all services", lines, "")


def _pss(results: Results) -> str:
    if not (runs := runs_of(results, "light")):
        return NOT_MEASURED
    rows = [(f"`{name}`", text_of(size)) for name, size in spreads_by_name(runs, "pss").items()]
    rows.append(("together", text_of(figure(results, "light", "pss_total"))))
    return table(("process", "MiB (PSS)"), rows)


def _pods(results: Results) -> str:
    runs = runs_of(results, "pods")
    if not runs:
        return NOT_MEASURED
    plain, shown = ([run[kind] for run in runs] for kind in ("plain", "with_metrics"))
    columns = [
        *((plain, key, 2) for key in ("seconds", "cpu_seconds")),
        *((kind, "pss", 0) for kind in (plain, shown)),
    ]
    spreads = [(spreads_by_name(kind, key), digits) for kind, key, digits in columns]
    rows = [
        (f"`{name}`", *(text_of(found[name], digits) for found, digits in spreads))
        for name in spreads[2][0]
    ]
    totals = [("together_seconds", 2), ("together_cpu_seconds", 2), ("pss_total", 0)]
    together = [spread(run[key] for run in plain) for key, _ in totals]
    texts = [text_of(found, digits) for found, (_, digits) in zip(together, totals, strict=True)]
    total = text_of(spread(run["pss_total"] for run in shown))
    rows.append(("all, started at once", *texts, total))
    head = ("service", "serves after, s", "CPU s", "MiB (PSS)", "MiB with `METRICS_PORT`")
    return table(head, rows)


def _stomp(results: Results) -> str:
    if not runs_of(results, "stomp"):
        return NOT_MEASURED
    rows = [(words, *_stomp_row(results, way)) for way, words in WAYS.items()]
    head = (
        *("creditors' messages travel", "a second"),
        *("at half of that: credited p50 ms", "p99", f"{RATE:.0f} a second: p50 ms", "p99"),
        *("CPU ms of each", "of that our STOMP server", "… client", "and the peer's"),
    )
    return table(head, rows)


def _stomp_row(results: Results, way: str) -> list[str]:
    """The few alone where nothing else was measured."""
    has_all = "burst" in runs_of(results, "stomp")[0][way]
    of_times = "half" if has_all else None
    of_costs = "burst" if has_all else "few"
    times = [latency(results, "stomp", "credited", way, load) for load in (of_times, "few") if load]
    cells = [text for found in times if found for text in milliseconds(found, (50, 99))]
    costs = [
        text_of(figure(results, "stomp", way, of_costs, "cpu_ms", role), 2)
        for role in (STOMP_SERVER, STOMP_CLIENT, PEER)
        if role in runs_of(results, "stomp")[0][way][of_costs]["cpu_ms"]
    ]
    return [
        text_of(figure(results, "stomp", way, "burst", "per_second")) if has_all else "",
        *(cells if has_all else ["", "", *cells]),
        text_of(figure(results, "stomp", way, of_costs, "cpu_ms_total"), 2),
        *(costs or ["", "", ""]),
    ]


_PROCESSES = ("processes", "transfers a second", "CPU ms of each", "beside one of each")
_LAWS = (
    *("part", "one core carries, transfers a second", "two, times as much", "three", "four"),
    *("sigma", "kappa", "a point is off by at most"),
)
_MACHINES = (
    *("cores", "they carry", "first limit, with one of each", "needed for all cores"),
    "then, transfers a second",
)


def _cores(head: Row, make: Callable[[Results], list[list[str]]]) -> Callable[[Results], str]:
    def fill(results: Results) -> str:
        return table(head, rows) if (rows := make(results)) else NOT_MEASURED

    return fill


def _servers(results: Results) -> str:
    if not runs_of(results, "servers"):
        return NOT_MEASURED
    versions = results["scenarios"]["servers"]["versions"]
    rows = [
        (found["postgresql"], found["rabbitmq"], *_servers_row(results, name))
        for name, found in versions.items()
    ]
    head = (
        *("PostgreSQL", "RabbitMQ", "burst, a second", "CPU ms of each", "of that PostgreSQL"),
        *("and RabbitMQ", "steady: credited p50 ms", "p99", "lone: p50 ms", "p99"),
    )
    return table(head, rows)


def _servers_row(results: Results, name: str) -> list[str]:
    """The costs are known where the servers are on this machine."""

    def cost(*path: str) -> str:
        return text_of(figure(results, "servers", name, "burst", *path), 2)

    sees_servers = all(run[name]["sees_servers"] for run in runs_of(results, "servers"))
    costs = [cost("cpu_ms_total"), cost("cpu_ms", POSTGRES), cost("cpu_ms", BROKER)]
    times = [latency(results, "servers", "credited", name, load) for load in ("steady", "lone")]
    return [
        text_of(figure(results, "servers", name, "burst", "per_second")),
        *(costs if sees_servers else [NOT_MEASURED] * len(costs)),
        *(text for found in times if found for text in milliseconds(found, (50, 99))),
    ]


def _queue_types(results: Results) -> str:
    if not runs_of(results, "queue_types"):
        return NOT_MEASURED
    versions = results["scenarios"]["queue_types"]["versions"]
    columns = [(key, when) for key in ("cpu_us", "disk_bytes") for when in _WHENS]
    columns.append(("network_bytes", AT_ONCE))
    rows = [
        (
            found["rabbitmq"],
            kind,
            *(
                text_of(figure(results, "queue_types", name, kind, when, key))
                for key, when in columns
            ),
        )
        for name, found in versions.items()
        for kind in TYPES
    ]
    head = (
        *("RabbitMQ", "queue", "CPU µs of a message that is read at once", "published, unread"),
        *("then read", "bytes on the disk: read at once", "published, unread", "then read"),
        "bytes in and out of the network",
    )
    return table(head, rows)


_WHENS = (AT_ONCE, PUBLISHED, CONSUMED)


def _status(results: Results) -> str:
    measured = results["scenarios"].get("status", {"runs": (), "count": 0})
    head = f"{len(measured['runs'])} times, {measured['count']:,} accounts, and as many rows"
    lines: list[Line] = [
        ("the whole process", 2, ("seconds",)),
        ("asking the servers", 2, ("asking_seconds",)),
    ]
    return _table_of(results, "status", head, lines, "seconds")


def _storm(results: Results) -> str:
    count = results["scenarios"].get("storm", {"count": 0})["count"]
    lines: list[Line] = [
        ("seconds, until the good message behind them is in effect", 0, ("seconds",)),
        ("dead letters a second", 0, ("per_second",)),
        ("lines in the log", 0, ("lines",)),
        ("memory of the consumer at its peak, MiB", 0, ("peak_mib",)),
    ]
    return _table_of(results, "storm", f"{count:,} bad messages", lines, "")


TABLES: dict[str, Callable[[Results], str]] = {
    "targets": _targets,
    "machine": _machine,
    "throughput": _throughput,
    "latencies": _latencies,
    "curve": _made(CURVE, rows_of_curve),
    "causes": _made(CAUSES, rows_of_causes),
    "settings": _settings,
    "held": _beside("held", {"free": "without it", "beside": "beside it"}),
    "scan": _beside(
        "scan",
        {
            "without": "without the scan",
            "usual": "beside it, at the usual pace",
            "quick": "beside the quick pass",
        },
    ),
    "shards": _shards,
    "extras": _extras,
    "roles": _roles,
    "database": _database,
    "raw limits": _raw_limits,
    "memory": _memory,
    "idle": _idle,
    "light": _light,
    "status": _status,
    "storm": _storm,
    "pss": _pss,
    "pods": _pods,
    "stomp": _stomp,
    "several": _cores(_PROCESSES, rows_of_several),
    "parts": _cores(_LAWS, rows_of_laws),
    "machines": _cores(_MACHINES, rows_of_machines),
    "servers": _servers,
    "queue types": _queue_types,
}
"""By the name of the part of the page that they fill."""
