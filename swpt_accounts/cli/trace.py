"""The commands that show where a transfer is, and the statement of an account."""

import csv
import io
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import click
import msgspec
import psycopg

from swpt_accounts.cli.options import (
    CoordinatorTypeParam,
    IdParam,
    fail,
    get_settings,
    json_option,
    span_options,
)
from swpt_accounts.core.timestamps import MAX_MOMENT, MIN_MOMENT
from swpt_accounts.db.errors import one_line
from swpt_accounts.inspection.lookup.models import (
    AccountKey,
    AccountTrace,
    CoordinatorRequest,
    JournalExtent,
    Statement,
    StatementLine,
    Trace,
    TraceStage,
    TransferKey,
)
from swpt_accounts.inspection.lookup.session import LookupReader, reading
from swpt_accounts.inspection.lookup.statements import LINES_COUNT_MAX, read_statement
from swpt_accounts.inspection.lookup.traces import (
    trace_account,
    trace_by_coordinator,
    trace_by_transfer,
)

_SHOWN_COLUMNS = (
    *("principal", "interest", "interest_rate", "total_locked_amount", "pending_transfers_count"),
    *("minimal_balance", "config_flags", "status_flags", "negligible_amount"),
    *("creation_date", "last_change_ts", "last_change_seqnum", "last_transfer_id"),
    *("last_transfer_number", "pending_account_update", "last_heartbeat_ts"),
)


def write_trace(trace: Trace, *, is_json: bool) -> None:
    if is_json:
        _write_json({**_as_dict(trace), "waits_for": trace.waits_for})
        return
    click.echo(f"{trace.subject}: {trace.state.upper()}  (at {_moment(trace.taken_at)})")
    _write_stages(trace.stages)
    _write_list("Waiting for", trace.waits_for)
    _write_rest(trace)


def write_account(trace: AccountTrace, *, is_json: bool) -> None:
    if is_json:
        _write_json(_as_dict(trace))
        return
    click.echo(f"{trace.subject}  (at {_moment(trace.taken_at)})")
    if trace.account is not None:
        width = max(map(len, _SHOWN_COLUMNS))
        for name in _SHOWN_COLUMNS:
            click.echo(f"  {name:<{width}}  {_value(trace.account[name])}")
    _write_stages(trace.stages)
    waits = (stage.waits_for for stage in trace.stages if stage.waits_for)
    _write_list("Pending", dict.fromkeys(waits))
    _write_rest(trace)


def write_statement(statement: Statement, form: str) -> None:
    """Write a statement as `text`, `csv` or `json`. With CSV, remarks go to standard error."""
    if form == "json":
        _write_json(_as_dict(statement))
        return
    rows = list(_statement_rows(statement))
    if form == "csv":
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        click.echo(text.getvalue(), nl=False)
    else:
        click.echo(f"{statement.subject}, {_span(statement)}")
        _write_table(rows)
    is_error = form == "csv"
    _write_list("DISCREPANCIES", statement.problems, is_error=is_error)
    _write_list("Unknown", statement.gaps, is_error=is_error)
    if statement.is_cut:
        click.echo("The statement is incomplete: it has reached --limit.", err=is_error)


def _statement_rows(statement: Statement) -> Iterator[tuple[Any, ...]]:
    """Amounts are whole numbers without separators, so that other programs can read them."""
    yield "moment", "number", "amount", "principal", "what", "sender", "recipient", "note"
    opening, closing = statement.opening_principal, statement.closing_principal
    since = "" if statement.since == MIN_MOMENT else _moment(statement.since)
    yield since, "", "", "?" if opening is None else opening, "opening principal", "", "", ""
    for line in statement.lines:
        yield _line_row(line)
    until = _moment(min(statement.until, statement.taken_at))
    yield until, "", "", "?" if closing is None else closing, "closing principal", "", "", ""


def _line_row(line: StatementLine) -> tuple[Any, ...]:
    return (
        _moment(line.at),
        "" if line.transfer_number is None else line.transfer_number,
        line.amount,
        line.principal,
        line.coordinator_type or line.text,
        line.sender or "",
        line.recipient or "",
        _spreadsheet_safe(line.transfer_note or ""),
    )


def _spreadsheet_safe(note: str) -> str:
    """A note comes from anybody: in a spreadsheet it must not become a formula."""
    return f"'{note}" if note.startswith(("=", "+", "-", "@", "\t", "\r")) else note


def _write_table(rows: list[tuple[Any, ...]]) -> None:
    texts = [[_printable(str(value)) for value in row] for row in rows]
    widths = [max(len(row[n]) for row in texts) for n in range(4)]
    for row in texts:
        moment, *numbers = row[:4]
        cells = [f"{moment:<{widths[0]}}"]
        cells += (f"{n:>{width}}" for n, width in zip(numbers, widths[1:], strict=True))
        parties = " -> ".join(filter(None, row[5:7])) if row[5] else ""
        click.echo("  ".join(filter(None, [*cells, row[4], parties, row[7]])).rstrip())


def _write_stages(stages: Iterable[TraceStage]) -> None:
    for stage in stages:
        at = "unknown time" if stage.at is None else _moment(stage.at)
        click.echo(f"  {at:<32}  {stage.name}: {_printable(stage.text)}  [{stage.place}]")


def _write_list(title: str, lines: Iterable[str], *, is_error: bool = False) -> None:
    lines = list(lines)
    if lines:
        click.echo(f"{title}:", err=is_error)
    for line in lines:
        click.echo(f"  - {_printable(line)}", err=is_error)


def _write_rest(trace: Trace | AccountTrace) -> None:
    _write_list("Not read completely", (f"{u.place}: {u.reason}" for u in trace.unread))
    _write_list("Notes", trace.notes)
    click.echo(_extent(trace.journal))


def _extent(journal: JournalExtent) -> str:
    if journal.first_at is None or journal.last_at is None:
        found = "the journal is empty"
    else:
        found = (
            f"the journal has entries from {_moment(journal.first_at)} to"
            f" {_moment(journal.last_at)}"
        )
    return f"JOURNAL_DAYS is {journal.days} for this command; {found}."


def _span(statement: Statement) -> str:
    since = "its beginning" if statement.since == MIN_MOMENT else _moment(statement.since)
    until = "now" if statement.until == MAX_MOMENT else _moment(statement.until)
    return f"from {since} to {until}"


def _moment(moment: datetime) -> str:
    return moment.isoformat()


def _value(value: Any) -> str:
    return _moment(value) if isinstance(value, datetime) else str(value)


def _printable(text: str) -> str:
    """What comes from elsewhere must not draw on the terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _as_dict(value: Any) -> dict[str, Any]:
    made: dict[str, Any] = msgspec.to_builtins(value)
    return made


def _write_json(value: Any) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


# A negative id is no option.
_WITH_IDS: Final = {"ignore_unknown_options": True}


def id_argument(name: str) -> Callable[[Any], Any]:
    return click.argument(name, type=IdParam(), metavar=name.upper())


@contextmanager
def _reader() -> Iterator[LookupReader]:
    try:
        with reading(get_settings()) as reader:
            yield reader
    except psycopg.Error as error:
        fail(one_line(error))


@click.group("trace")
def trace() -> None:
    """Show the state of a transfer, and what it waits for. Read-only."""


@trace.command("coordinator", context_settings=_WITH_IDS)
@click.argument("coordinator_type", type=CoordinatorTypeParam(), metavar="TYPE")
@id_argument("coordinator_id")
@id_argument("request_id")
@json_option
def by_coordinator(
    coordinator_type: str, coordinator_id: int, request_id: int, is_json: bool
) -> None:
    """Look up a transfer by the type and the id of its coordinator, and the id of the request."""
    with _reader() as reader:
        found = trace_by_coordinator(
            reader, CoordinatorRequest(coordinator_type, coordinator_id, request_id)
        )
    write_trace(found, is_json=is_json)


@trace.command("transfer", context_settings=_WITH_IDS)
@id_argument("debtor_id")
@id_argument("creditor_id")
@id_argument("transfer_id")
@json_option
def by_transfer(debtor_id: int, creditor_id: int, transfer_id: int, is_json: bool) -> None:
    """Look up a transfer by the sender's account and the transfer id."""
    with _reader() as reader:
        found = trace_by_transfer(reader, TransferKey(debtor_id, creditor_id, transfer_id))
    write_trace(found, is_json=is_json)


@trace.command("account", context_settings=_WITH_IDS)
@id_argument("debtor_id")
@id_argument("creditor_id")
@json_option
def by_account(debtor_id: int, creditor_id: int, is_json: bool) -> None:
    """Show an account, what is pending from it and to it, and its last messages."""
    with _reader() as reader:
        found = trace_account(reader, AccountKey(debtor_id, creditor_id))
    write_account(found, is_json=is_json)


@click.command("statement", context_settings=_WITH_IDS)
@id_argument("debtor_id")
@id_argument("creditor_id")
@span_options("Changes")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "csv", "json"]),
    default="text",
    show_default=True,
    help="Output format.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, 1_000_000),
    default=LINES_COUNT_MAX,
    show_default=True,
    help="Approximate maximum number of transfers to read.",
)
def statement(
    debtor_id: int,
    creditor_id: int,
    since: datetime | None,
    until: datetime | None,
    form: str,
    limit: int,
) -> None:
    """Print a statement of an account: opening principal, transfers, closing principal.

    Exit with 1 if they do not add up.
    """
    since, until = since or MIN_MOMENT, until or MAX_MOMENT
    if since >= until:
        raise click.UsageError("--since must be before --until")
    with _reader() as reader:
        key = AccountKey(debtor_id, creditor_id)
        found = read_statement(reader, key, since, until, count_max=limit)
    write_statement(found, form)
    if found.problems:
        sys.exit(1)
