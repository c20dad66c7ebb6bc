"""The overview as one screen of a terminal."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from swpt_accounts.db.backlog import OUTBOXES, QUEUES, TableBacklog
from swpt_accounts.observing.metrics import SCANS
from swpt_accounts.overview.findings import Finding, Severity
from swpt_accounts.overview.model import BrokerQueue, DatabaseState, Overview, ScanState
from swpt_accounts.overview.words import in_words, number, percent, rate
from swpt_accounts.overview.workers import VERIFYING, WORKERS

WIDE: Final = 145
"""So many columns have room for the workers beside the way of the messages."""
HIGH: Final = 45
"""So many lines have room for all of it, one below the other."""
_COLORS: Final = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}
_UNKNOWN: Final = "?"
_NOTHING: Final = "-"


_WIDTH_ELSEWHERE: Final = 100
"""What is not a terminal may be a file or a mail: it need not be narrow."""


class Screen:
    """The standard output."""

    def __init__(self) -> None:
        console = Console(highlight=False, markup=False)
        if not console.is_terminal:
            console = Console(highlight=False, markup=False, width=_WIDTH_ELSEWHERE)
        self._console = console

    def show(self, overview: Overview, found: Sequence[Finding]) -> None:
        """Write all of it."""
        self._console.print(render(overview, found, self._console.width))

    @contextmanager
    def live(self) -> Iterator[Callable[[Overview, Sequence[Finding]], None]]:
        """Take the whole terminal, and give it back at the end. What it yields shows it anew."""
        console = self._console
        with Live(console=console, screen=True, auto_refresh=False) as live:
            yield lambda overview, found: live.update(
                render(overview, found, console.width, console.height), refresh=True
            )


def render(
    overview: Overview, found: Sequence[Finding], width: int, height: int | None = None
) -> RenderableType:
    """The whole screen: with less in it, if it is neither wide nor high. No height is no limit."""
    parts: tuple[RenderableType, ...]
    if width >= WIDE:
        middle = Table.grid(padding=(0, 4))
        state = overview.database
        middle.add_row(_way(overview), Group(_workers(state), "", _scans(state)))
        parts = (middle,)
    elif height is None or height >= HIGH:
        state = overview.database
        parts = (_way(overview), "", _workers(state), "", _scans(state))
    else:
        state = overview.database
        short = Group(_workers_in_short(state), _scans_in_short(state))
        parts = (_way(overview, is_short=True), "", short)
    return Group(_head(overview, found), "", *_wrong(found), *parts)


def _head(overview: Overview, found: Sequence[Finding]) -> Text:
    bad = [f for f in found if f.severity is not Severity.NOTE]
    text = Text("swpt_accounts", style="bold")
    text.append(f"  shard {overview.shard}", style="default")
    if overview.database is not None:
        text.append(f"  {overview.database.taken_at:%Y-%m-%d %H:%M:%S} UTC", style="dim")
    if not bad:
        text.append("  nothing is wrong", style="green")
    else:
        worst = _COLORS[bad[0].severity]
        text.append(f"  {len(bad)} thing{' is' if len(bad) == 1 else 's are'} wrong", style=worst)
    return text


def _wrong(found: Sequence[Finding]) -> Iterator[RenderableType]:
    if not found:
        return
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in found:
        words = Text(_as_sentence(finding.words))
        words.append(f" See {finding.page}", style="dim")
        table.add_row(Text(finding.severity.value, style=_COLORS[finding.severity]), words)
    yield table
    yield ""


def _as_sentence(words: str) -> str:
    """With a capital letter, if it does not begin with a name."""
    first = words.partition(" ")[0]
    return words if "_" in first else words[0].upper() + words[1:]


def _table(title: str, *columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
    table.add_column(title, overflow="fold")
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _way(overview: Overview, *, is_short: bool = False) -> Table:
    table = _table("the way of a message", "waiting", "oldest", "in/s", "out/s")
    _add_queue(table, overview.incoming)
    database = overview.database
    if database is None:
        table.add_row("  the database", _UNKNOWN, _UNKNOWN, _UNKNOWN, _UNKNOWN)
    else:
        rows = {row.table_name: row for row in database.backlog}
        for name in QUEUES:
            _add_rows(table, rows[name], overview)
        table.add_section()
        shown = [name for name in OUTBOXES if not is_short or _is_alive(rows[name], overview)]
        for name in shown:
            _add_rows(table, rows[name], overview)
        if len(shown) < len(OUTBOXES):
            left = "all outboxes" if not shown else f"{len(OUTBOXES) - len(shown)} other outboxes"
            table.add_row(f"  {left}", Text("0", style="dim"), *[_NOTHING] * 3)
    table.add_section()
    _add_queue(table, overview.chores)
    count = overview.open_letters_count
    letters = Text(_UNKNOWN if count is None else number(count), style="yellow" if count else "")
    table.add_row(overview.dead_letters.name, letters, *[_NOTHING] * 3)
    return table


def _is_alive(row: TableBacklog, overview: Overview) -> bool:
    rates = overview.rates.get(row.table_name)
    return row.rows_count > 0 or (rates is not None and rates.inserted + rates.deleted > 0)


def _add_queue(table: Table, queue: BrokerQueue) -> None:
    count = queue.messages_count
    consumers = queue.consumers_count
    reads = "" if consumers is None else f" (consumers: {consumers})"
    name = Text(f"{queue.name}{reads}", style="red" if consumers == 0 else "")
    table.add_row(name, _UNKNOWN if count is None else number(count), *[_NOTHING] * 3)


def _add_rows(table: Table, row: TableBacklog, overview: Overview) -> None:
    rates = overview.rates.get(row.table_name)
    about = "~" if row.is_estimate else ""
    age = row.age_seconds
    table.add_row(
        f"  {row.table_name}",
        Text(f"{about}{number(row.rows_count)}", style="" if row.rows_count else "dim"),
        _NOTHING if age is None else in_words(age),
        *([_NOTHING] * 2 if rates is None else [rate(rates.inserted), rate(rates.deleted)]),
    )


def _workers(database: DatabaseState | None) -> Table:
    table = _table("workers", "sessions", "last active", "wait for a lock")
    found = {} if database is None else {worker.name: worker for worker in database.workers}
    for name in _names(found):
        worker = found.get(name)
        if worker is not None:
            quiet = worker.quiet_seconds
            active = _UNKNOWN if quiet is None else f"{in_words(quiet)} ago"
            locks = number(worker.lock_waits_count) if worker.lock_waits_count else _NOTHING
            table.add_row(name, number(worker.sessions_count), active, locks)
        else:
            count = _UNKNOWN if database is None else Text("0", style="red")
            table.add_row(name, count, _NOTHING, _NOTHING)
    return table


def _names(found: Iterable[str]) -> list[str]:
    """The workers that there have to be, and all others that there are."""
    names = [*WORKERS[:2], VERIFYING, *WORKERS[2:]]
    return [*names, *(name for name in found if name not in names)]


def _workers_in_short(database: DatabaseState | None) -> Text:
    text = Text("workers:")
    workers = () if database is None else database.workers
    found = {worker.name: worker.sessions_count for worker in workers}
    for name in _names(found):
        count = _UNKNOWN if database is None else found.get(name, 0)
        text.append(f" {name}\u00a0{count}", style="" if count else "red")
    return text


def _scans(database: DatabaseState | None) -> Table:
    table = _table("scans", "done", "begun ago", "takes", "late", "complete ago")
    for name in SCANS:
        scan = _scan(database, name)
        subject = name.removeprefix("scan_")
        if scan is None:
            unknown = _UNKNOWN if database is None else _NOTHING
            table.add_row(subject, *[unknown] * 5)
            continue
        completed = scan.completed_seconds
        table.add_row(
            subject,
            percent(scan.done_ratio),
            in_words(scan.began_seconds),
            in_words(scan.pass_seconds),
            in_words(scan.late_seconds),
            _NOTHING if completed is None else in_words(completed),
        )
    return table


def _scans_in_short(database: DatabaseState | None) -> Text:
    text = Text("scans:")
    for name in SCANS:
        scan = _scan(database, name)
        done = _NOTHING if scan is None else percent(scan.done_ratio).replace(" ", "\u00a0")
        text.append(f" {name.removeprefix('scan_')}\u00a0{_UNKNOWN if database is None else done}")
    return text


def _scan(database: DatabaseState | None, name: str) -> ScanState | None:
    scans = () if database is None else database.scans
    return next((scan for scan in scans if scan.name == name), None)
