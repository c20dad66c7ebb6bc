"""The tables of what an authority takes of the machine."""

from benchmarks.report.figures import Results, figure, pss_spreads, runs_of, text_of
from benchmarks.report.markdown import table
from benchmarks.usage import ALL_ROLES, DRIVER

_WEIGHTS = (
    ("start, until everything serves, seconds", 2, ("start_seconds",)),
    ("imports of a worker, seconds of CPU", 2, ("import", "cpu_seconds")),
    ("… seconds", 2, ("import", "wall_seconds")),
    ("idle, with the database sessions, % of a core", 2, ("idle_percent",)),
)


def idle(results: Results) -> str:
    """The CPU time of each role, and of the servers, while nothing is asked of them."""
    if not runs_of(results, "idle"):
        return "not measured"
    rows = [
        (role, text_of(figure(results, "idle", "role_percents", role), 2))
        for role in ALL_ROLES
        if role != DRIVER
    ]
    rows.append(("together", text_of(figure(results, "idle", "percent"), 2)))
    return table(("an idle authority", "% of a core"), rows)


def status(results: Results) -> str:
    """How long `status` takes."""
    if not runs_of(results, "status"):
        return "not measured"
    measured = results["scenarios"]["status"]
    rows = [
        ("the whole process", text_of(figure(results, "status", "seconds"), 2)),
        ("asking the servers", text_of(figure(results, "status", "asking_seconds"), 2)),
    ]
    head = f"{len(measured['runs'])} times, {measured['count']:,} accounts, and as many rows"
    return table((head, "seconds"), rows)


def storm(results: Results) -> str:
    """What a storm of bad messages does."""
    if not runs_of(results, "storm"):
        return "not measured"
    rows = [
        ("seconds, until the good message behind them is in effect", "seconds", 0),
        ("dead letters a second", "per_second", 0),
        ("lines in the log", "lines", 0),
        ("memory of the consumer at its peak, MiB", "peak_mib", 0),
    ]
    head = f"{results['scenarios']['storm']['count']:,} bad messages"
    cells = [(what, text_of(figure(results, "storm", key), n)) for what, key, n in rows]
    return table((head, ""), cells)


def light(results: Results) -> str:
    """What all services under one supervisor take."""
    if not runs_of(results, "light"):
        return "not measured"
    rows = [(text, text_of(figure(results, "light", *p), d)) for text, d, p in _WEIGHTS]
    return table(("all services", ""), rows)


def pss(results: Results) -> str:
    """The memory of each of them."""
    if not runs_of(results, "light"):
        return "not measured"
    rows = [(f"`{name}`", text_of(size)) for name, size in pss_spreads(results).items()]
    rows.append(("together", text_of(figure(results, "light", "pss_total"))))
    return table(("process", "MiB (PSS)"), rows)
