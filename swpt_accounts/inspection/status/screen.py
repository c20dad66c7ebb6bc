"""The overview as one screen of a terminal."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from swpt_accounts.core.formatting import as_sentence, in_words, number, percent, rate
from swpt_accounts.db.backlog import OUTBOXES, QUEUES, TableBacklog
from swpt_accounts.inspection.status.health_rules import Finding, Severity
from swpt_accounts.inspection.status.layout import Fitting
from swpt_accounts.inspection.status.model import BrokerQueue, DatabaseState, Overview, ScanState
from swpt_accounts.inspection.status.workers import VERIFYING, WORKERS
from swpt_accounts.observability.metrics.definitions import SCANS

WIDE: Final = 145
"""So many columns have room for the workers beside the way of the messages."""
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
    return Fitting(_layouts(overview, found, width), height)


def _layouts(overview: Overview, found: Sequence[Finding], width: int) -> Iterator[RenderableType]:
    """From that with most in it to that with least. All have the workers and the scans."""
    state, head = overview.database, _head(overview, found)
    wrong = Group(*_wrong(found))
    if width >= WIDE:
        middle = Table.grid(padding=(0, 4))
        middle.add_row(_way(overview), Group(_workers(state), "", _scans(state)))
        yield Group(head, "", wrong, middle)
    else:
        yield Group(head, "", wrong, _way(overview), "", _workers(state), "", _scans(state))
    short = Group(_workers_in_short(state), _scans_in_short(state))
    yield Group(head, "", wrong, _way(overview, OUTBOXES), "", short)
    way = _way(overview, [*QUEUES, *OUTBOXES], is_dense=True)
    for count in (len(found), _bad_count(found)):
        yield Group(head, "", *_wrong(found, count), way, "", short)
    short = Group(_way_in_short(overview), short)
    for count in range(len(found), -1, -1):
        yield Group(head, "", *_wrong(found, count), short)


def _head(overview: Overview, found: Sequence[Finding]) -> Text:
    bad_count = _bad_count(found)
    text = Text("swpt_accounts", style="bold")
    text.append(f"  shard {overview.shard}", style="default")
    if overview.database is not None:
        text.append(f"  {overview.database.taken_at:%Y-%m-%d %H:%M:%S} UTC", style="dim")
    if not bad_count:
        text.append("  nothing is wrong", style="green")
    else:
        worst = _COLORS[found[0].severity]
        text.append(f"  {bad_count} thing{' is' if bad_count == 1 else 's are'} wrong", style=worst)
    return text


def _bad_count(found: Sequence[Finding]) -> int:
    """How many are more than notes: these come first."""
    return sum(finding.severity is not Severity.NOTE for finding in found)


def _wrong(found: Sequence[Finding], count: int | None = None) -> Iterator[RenderableType]:
    """All of them, or so many, and how many there are besides."""
    if not found:
        return
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in found[:count]:
        words = Text(as_sentence(finding.words))
        words.append(f" See {finding.page}", style="dim")
        table.add_row(Text(finding.severity.value, style=_COLORS[finding.severity]), words)
    yield table
    if count is not None and count < len(found):
        more = len(found) - count
        yield Text(f"… and {more} more: `status` without --watch lists all.", style="bold")
    yield ""


def _table(title: str, *columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
    table.add_column(title, overflow="fold")
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _way(overview: Overview, may_lack: Collection[str] = (), *, is_dense: bool = False) -> Table:
    """Of the tables that it may lack, those where nothing happens have one row together."""
    table = _table("the way of a message", "waiting", "oldest", "in/s", "out/s")
    _add_queue(table, overview.incoming)
    if overview.database is None:
        table.add_row("  the database", _UNKNOWN, _UNKNOWN, _UNKNOWN, _UNKNOWN)
    else:
        _add_tables(table, overview, may_lack, is_dense=is_dense)
    if not is_dense:
        table.add_section()
    _add_queue(table, overview.chores)
    count = overview.open_letters_count
    letters = Text(_UNKNOWN if count is None else number(count), style="yellow" if count else "")
    table.add_row(overview.dead_letters.name, letters, *[_NOTHING] * 3)
    return table


def _add_tables(
    table: Table, overview: Overview, may_lack: Collection[str], *, is_dense: bool
) -> None:
    assert overview.database is not None
    rows = {row.table_name: row for row in overview.database.backlog}
    quiet = [name for name in may_lack if not _is_alive(rows[name], overview)]
    for names in (QUEUES, OUTBOXES):
        for name in names:
            if name not in quiet:
                _add_rows(table, rows[name], overview)
        if names is QUEUES and not is_dense:
            table.add_section()
    if quiet:
        which = "all" if len(quiet) == len(may_lack) else f"{len(quiet)} other"
        kind = "tables" if len(may_lack) > len(OUTBOXES) else "outboxes"
        table.add_row(f"  {which} {kind}", Text("0", style="dim"), *[_NOTHING] * 3)


def _way_in_short(overview: Overview) -> Text:
    text = Text("waiting:")

    def add(name: str, count: int | None, *, about: str = "", style: str = "") -> None:
        amount = _UNKNOWN if count is None else number(count)
        text.append(f" {name}\u00a0{about}{amount}", style=style)

    for queue in (overview.incoming, overview.chores):
        add(queue.name, queue.messages_count, style="red" if queue.consumers_count == 0 else "")
    letters_count = overview.open_letters_count
    add(overview.dead_letters.name, letters_count, style="yellow" if letters_count else "")
    backlog = () if overview.database is None else overview.database.backlog
    for row in backlog:
        if row.rows_count:
            add(row.table_name, row.rows_count, about="~" if row.is_estimate else "")
            if row.age_seconds is not None:
                age = f" (oldest {in_words(row.age_seconds)})"
                text.append(age.replace(" ", "\u00a0"))
    others = f"all other tables {_UNKNOWN if overview.database is None else 0}"
    text.append(" " + others.replace(" ", "\u00a0"))
    return text


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
