"""The status as one screen of a terminal."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from swpt_accounts.core.formatting import duration, number, percent, plural, rate
from swpt_accounts.db.backlog import OUTBOXES, QUEUES, TableBacklog
from swpt_accounts.db.sessions import WorkerSessions
from swpt_accounts.inspection.status.health_rules import (
    ERROR,
    NOTE,
    WARNING,
    HealthFinding,
    problems_count,
)
from swpt_accounts.inspection.status.model import (
    BrokerQueue,
    DatabaseState,
    ScanState,
    ShardStatus,
)
from swpt_accounts.observability.liveness import Condition
from swpt_accounts.observability.worker_names import SCANS

Findings = Sequence[HealthFinding]

WIDE: Final = 160
"""So many columns have room for the workers beside the way of the messages."""
_COLORS: Final = {ERROR: "bold red", WARNING: "yellow", NOTE: "cyan"}
_STYLES: Final = {
    Condition.DOWN: "red",
    Condition.FROZEN: "red",
    Condition.WAITING: "yellow",
    Condition.STARTING: "cyan",
    Condition.UNKNOWN: "dim",
}
_UNKNOWN: Final = "?"
_NOTHING: Final = "-"

_WIDTH_ELSEWHERE: Final = 100
"""What is not a terminal may be a file or a mail: it need not be narrow."""


class FittingLayout:
    """Shows the first layout that fits a height; if there is none, the last, and says that more is
    missing. Without a height, the first one fits.
    """

    def __init__(self, layouts: Iterable[RenderableType], height: int | None) -> None:
        self._layouts = layouts
        self._height = height

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        options = options.update(height=None)
        lines: list[list[Segment]] = []
        for layout in self._layouts:
            lines = console.render_lines(layout, options, pad=False)
            if self._height is None or len(lines) <= self._height:
                break
        else:
            assert self._height is not None
            lines = lines[: self._height - 1]
            lines.append([Segment("… this terminal is too small for the rest")])
        for line in lines:
            yield from line
            yield Segment.line()


class StatusScreen:
    def __init__(self) -> None:
        console = Console(highlight=False, markup=False)
        if not console.is_terminal:
            console = Console(highlight=False, markup=False, width=_WIDTH_ELSEWHERE)
        self._console = console

    def show(self, status: ShardStatus, findings: Findings) -> None:
        self._console.print(render(status, findings, self._console.width))

    @contextmanager
    def live(self) -> Iterator[Callable[[ShardStatus, Findings], None]]:
        """Take the whole terminal, and give it back at the end. What it yields shows it anew."""
        console = self._console
        with Live(console=console, screen=True, auto_refresh=False) as live:
            yield lambda status, findings: live.update(
                render(status, findings, console.width, console.height), refresh=True
            )


def render(
    status: ShardStatus, findings: Findings, width: int, height: int | None = None
) -> RenderableType:
    """The whole screen: with less in it, if it is neither wide nor high. No height is no limit."""
    return FittingLayout(_layouts(status, findings, width), height)


def _layouts(status: ShardStatus, findings: Findings, width: int) -> Iterator[RenderableType]:
    """From that with most in it to that with least. All have the workers and the scans."""
    state, head = status.database, _head(status, findings)
    problems = Group(*_problems(findings))
    if width >= WIDE:
        middle = Table.grid(padding=(0, 4))
        middle.add_row(_way(status), Group(_workers(status), "", _scans(state)))
        yield Group(head, "", problems, middle)
    else:
        yield Group(head, "", problems, _way(status), "", _workers(status), "", _scans(state))
    short = Group(_workers_in_short(status), _scans_in_short(state))
    yield Group(head, "", problems, _way(status, OUTBOXES), "", short)
    way = _way(status, [*QUEUES, *OUTBOXES], is_dense=True)
    for count in (len(findings), problems_count(findings)):
        yield Group(head, "", *_problems(findings, count), way, "", short)
    short = Group(_way_in_short(status), short)
    for count in range(len(findings), -1, -1):
        yield Group(head, "", *_problems(findings, count), short)


def _head(status: ShardStatus, findings: Findings) -> Text:
    bad_count = problems_count(findings)
    text = Text("swpt_accounts", style="bold")
    text.append(f"  shard {status.shard}", style="default")
    if status.database is not None:
        text.append(f"  {status.database.taken_at:%Y-%m-%d %H:%M:%S} UTC", style="dim")
    style = _COLORS[findings[0].severity] if bad_count else "green"
    text.append(f"  {plural(bad_count, 'problem') if bad_count else 'no problems'}", style=style)
    return text


def _problems(findings: Findings, count: int | None = None) -> Iterator[RenderableType]:
    """All of them, or so many, and how many there are besides."""
    if not findings:
        return
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings[:count]:
        words = Text(f"{finding.words} ").append(f"See {finding.page}", style="dim")
        table.add_row(Text(finding.severity.value, style=_COLORS[finding.severity]), words)
    yield table
    if count is not None and count < len(findings):
        more = len(findings) - count
        yield Text(f"… and {more} more: `status` without --watch lists all.", style="bold")
    yield ""


def _table(title: str, *columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
    table.add_column(title, overflow="fold")
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _way(status: ShardStatus, may_lack: Collection[str] = (), *, is_dense: bool = False) -> Table:
    """Of the tables that it may lack, those where nothing happens have one row together."""
    table = _table("message flow", "waiting", "oldest", "in/s", "out/s")
    _add_queue(table, status.incoming)
    if status.database is None:
        table.add_row("  the database", _UNKNOWN, _UNKNOWN, _UNKNOWN, _UNKNOWN)
    else:
        _add_tables(table, status, may_lack, is_dense=is_dense)
    if not is_dense:
        table.add_section()
    _add_queue(table, status.chores)
    count = status.open_letters_count
    letters = Text(_UNKNOWN if count is None else number(count), style="yellow" if count else "")
    table.add_row(status.dead_letters.name, letters, *[_NOTHING] * 3)
    return table


def _add_tables(
    table: Table, status: ShardStatus, may_lack: Collection[str], *, is_dense: bool
) -> None:
    assert status.database is not None
    rows = {row.table_name: row for row in status.database.backlog}
    quiet = [name for name in may_lack if not _is_alive(rows[name], status)]
    for names in (QUEUES, OUTBOXES):
        for name in names:
            if name not in quiet:
                _add_rows(table, rows[name], status)
        if names is QUEUES and not is_dense:
            table.add_section()
    if quiet:
        which = "all" if len(quiet) == len(may_lack) else f"{len(quiet)} other"
        kind = "tables" if len(may_lack) > len(OUTBOXES) else "outboxes"
        table.add_row(f"  {which} {kind}", Text("0", style="dim"), *[_NOTHING] * 3)


def _way_in_short(status: ShardStatus) -> Text:
    text = Text("waiting:")

    def add(name: str, count: int | None, *, about: str = "", style: str = "") -> None:
        amount = _UNKNOWN if count is None else number(count)
        text.append(f" {name}\u00a0{about}{amount}", style=style)

    for queue in (status.incoming, status.chores):
        add(queue.name, queue.messages_count, style="red" if queue.consumers_count == 0 else "")
    letters_count = status.open_letters_count
    add(status.dead_letters.name, letters_count, style="yellow" if letters_count else "")
    backlog = () if status.database is None else status.database.backlog
    for row in backlog:
        if row.rows_count:
            add(row.table_name, row.rows_count, about="~" if row.is_estimate else "")
            if row.age_seconds is not None:
                age = f" (oldest {duration(row.age_seconds)})"
                text.append(age.replace(" ", "\u00a0"))
    others = f"all other tables {_UNKNOWN if status.database is None else 0}"
    text.append(" " + others.replace(" ", "\u00a0"))
    return text


def _is_alive(row: TableBacklog, status: ShardStatus) -> bool:
    rates = status.rates.get(row.table_name)
    return row.rows_count > 0 or (rates is not None and rates.inserted + rates.deleted > 0)


def _add_queue(table: Table, queue: BrokerQueue) -> None:
    count = queue.messages_count
    consumers = queue.consumers_count
    reads = "" if consumers is None else f" (consumers: {consumers})"
    name = Text(f"{queue.name}{reads}", style="red" if consumers == 0 else "")
    table.add_row(name, _UNKNOWN if count is None else number(count), *[_NOTHING] * 3)


def _add_rows(table: Table, row: TableBacklog, status: ShardStatus) -> None:
    rates = status.rates.get(row.table_name)
    about = "~" if row.is_estimate else ""
    age = row.age_seconds
    table.add_row(
        f"  {row.table_name}",
        Text(f"{about}{number(row.rows_count)}", style="" if row.rows_count else "dim"),
        _NOTHING if age is None else duration(age),
        *([_NOTHING] * 2 if rates is None else [rate(rates.inserted), rate(rates.deleted)]),
    )


def _workers(status: ShardStatus) -> Table:
    table = _table("workers", "state", "sessions", "last active", "lock waits")
    found = _sessions(status)
    for worker in status.workers:
        state = Text(str(worker.condition), style=_STYLES.get(worker.condition, ""))
        table.add_row(worker.name, state, *_session_columns(status, found.pop(worker.name, None)))
    for name, sessions in found.items():
        table.add_row(name, _NOTHING, *_session_columns(status, sessions))
    return table


def _session_columns(status: ShardStatus, found: WorkerSessions | None) -> Iterator[str]:
    if found is None:
        yield from (_UNKNOWN if status.database is None else "0", _NOTHING, _NOTHING)
        return
    quiet = found.quiet_seconds
    yield number(found.sessions_count)
    yield _UNKNOWN if quiet is None else f"{duration(quiet)} ago"
    yield number(found.lock_waits_count) if found.lock_waits_count else _NOTHING


def _sessions(status: ShardStatus) -> dict[str, WorkerSessions]:
    """Those of workers, and all others that there are."""
    sessions = () if status.database is None else status.database.workers
    return {one.name: one for one in sessions}


def _workers_in_short(status: ShardStatus) -> Text:
    text = Text("workers")
    for condition in reversed(Condition):
        names = [worker.name for worker in status.workers if worker.condition == condition]
        if names:
            text.append(f" {condition}: {' '.join(names)}", style=_STYLES.get(condition, ""))
    return text


def _scans(database: DatabaseState | None) -> Table:
    table = _table("scans", "done", "started", "period", "behind", "completed")
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
            duration(scan.began_seconds),
            duration(scan.pass_seconds),
            duration(scan.late_seconds),
            _NOTHING if completed is None else duration(completed),
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
