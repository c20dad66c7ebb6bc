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
    get_settings,
    since_option,
    until_option,
)
from swpt_accounts.core.timestamps import MAX_MOMENT, MIN_MOMENT
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


def tell_trace(trace: Trace, *, is_json: bool) -> None:
    """Write where a transfer is."""
    if is_json:
        _write_json({**_as_dict(trace), "waits_for": trace.waits_for})
        return
    click.echo(f"{trace.subject}: {trace.state.upper()}  (at {_moment(trace.taken_at)})")
    _tell_stages(trace.stages)
    _tell_list("It waits for", trace.waits_for)
    _tell_rest(trace)


def tell_account(trace: AccountTrace, *, is_json: bool) -> None:
    """Write what is known of an account."""
    if is_json:
        _write_json(_as_dict(trace))
        return
    click.echo(f"{trace.subject}  (at {_moment(trace.taken_at)})")
    if trace.account is not None:
        width = max(map(len, _SHOWN_COLUMNS))
        for name in _SHOWN_COLUMNS:
            click.echo(f"  {name:<{width}}  {_value(trace.account[name])}")
    _tell_stages(trace.stages)
    waits = (stage.waits_for for stage in trace.stages if stage.waits_for)
    _tell_list("On their way", dict.fromkeys(waits))
    _tell_rest(trace)


def tell_statement(statement: Statement, form: str) -> None:
    """Write a statement: `text`, `csv` or `json`. Of CSV, what is no line goes to the errors."""
    if form == "json":
        _write_json(_as_dict(statement))
        return
    told = list(_statement_rows(statement))
    if form == "csv":
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(told)
        click.echo(text.getvalue(), nl=False)
    else:
        click.echo(f"{statement.subject}, {_span(statement)}")
        _tell_table(told)
    is_error = form == "csv"
    _tell_list("THIS DOES NOT FIT", statement.problems, is_error=is_error)
    _tell_list("What is not known", statement.gaps, is_error=is_error)
    if statement.is_cut:
        click.echo("There are more transfers: the statement ends early.", err=is_error)


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


def _tell_table(rows: list[tuple[Any, ...]]) -> None:
    texts = [[_printable(str(value)) for value in row] for row in rows]
    widths = [max(len(row[n]) for row in texts) for n in range(4)]
    for row in texts:
        moment, *numbers = row[:4]
        cells = [f"{moment:<{widths[0]}}"]
        cells += (f"{n:>{width}}" for n, width in zip(numbers, widths[1:], strict=True))
        parties = " -> ".join(filter(None, row[5:7])) if row[5] else ""
        click.echo("  ".join(filter(None, [*cells, row[4], parties, row[7]])).rstrip())


def _tell_stages(stages: Iterable[TraceStage]) -> None:
    for stage in stages:
        at = "since when, is not noted" if stage.at is None else _moment(stage.at)
        click.echo(f"  {at:<32}  {stage.name}: {_printable(stage.text)}  [{stage.place}]")


def _tell_list(title: str, lines: Iterable[str], *, is_error: bool = False) -> None:
    lines = list(lines)
    if lines:
        click.echo(f"{title}:", err=is_error)
    for line in lines:
        click.echo(f"  - {_printable(line)}", err=is_error)


def _tell_rest(trace: Trace | AccountTrace) -> None:
    _tell_list("Not read", (f"{u.place}: {u.reason}" for u in trace.unread))
    _tell_list("Notes", trace.notes)
    click.echo(_extent(trace.journal))


def _extent(journal: JournalExtent) -> str:
    state = f"is kept for {journal.days} days" if journal.is_on else "is off (JOURNAL_DAYS)"
    if journal.first_at is None or journal.last_at is None:
        return f"The journal {state}, and is empty."
    return (
        f"The journal {state}, and has messages from {_moment(journal.first_at)} to"
        f" {_moment(journal.last_at)}."
    )


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
_json_option = click.option("--json", "is_json", is_flag=True, help="Write JSON.")


def id_argument(name: str) -> Callable[[Any], Any]:
    """An argument that is an id, however it is written."""
    return click.argument(name, type=IdParam(), metavar=name.upper())


@contextmanager
def _reader() -> Iterator[LookupReader]:
    try:
        with reading(get_settings()) as reader:
            yield reader
    except psycopg.Error as error:
        sys.exit(f"swpt_accounts: {' '.join(str(error).split()) or repr(error)}")


@click.group("trace")
def trace() -> None:
    """Say where a transfer is, and what it waits for. Changes nothing."""


@trace.command("coordinator", context_settings=_WITH_IDS)
@click.argument("coordinator_type", type=CoordinatorTypeParam(), metavar="TYPE")
@id_argument("coordinator_id")
@id_argument("request_id")
@_json_option
def by_coordinator(
    coordinator_type: str, coordinator_id: int, request_id: int, is_json: bool
) -> None:
    """The transfer of a coordinator's request: its type, its id, and its number."""
    with _reader() as reader:
        found = trace_by_coordinator(
            reader, CoordinatorRequest(coordinator_type, coordinator_id, request_id)
        )
    tell_trace(found, is_json=is_json)


@trace.command("transfer", context_settings=_WITH_IDS)
@id_argument("debtor_id")
@id_argument("creditor_id")
@id_argument("transfer_id")
@_json_option
def by_transfer(debtor_id: int, creditor_id: int, transfer_id: int, is_json: bool) -> None:
    """The transfer with an id, from the account of a sender."""
    with _reader() as reader:
        found = trace_by_transfer(reader, TransferKey(debtor_id, creditor_id, transfer_id))
    tell_trace(found, is_json=is_json)


@trace.command("account", context_settings=_WITH_IDS)
@id_argument("debtor_id")
@id_argument("creditor_id")
@_json_option
def by_account(debtor_id: int, creditor_id: int, is_json: bool) -> None:
    """An account, what is on its way from it and to it, and its last messages."""
    with _reader() as reader:
        found = trace_account(reader, AccountKey(debtor_id, creditor_id))
    tell_account(found, is_json=is_json)


@click.command("statement", context_settings=_WITH_IDS)
@id_argument("debtor_id")
@id_argument("creditor_id")
@since_option("Changes at this moment (UTC) or later.")
@until_option("Changes before this moment (UTC).")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "csv", "json"]),
    default="text",
    show_default=True,
    help="What to write.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, 1_000_000),
    default=LINES_COUNT_MAX,
    show_default=True,
    help="How many transfers are read, about.",
)
def statement(
    debtor_id: int,
    creditor_id: int,
    since: datetime | None,
    until: datetime | None,
    form: str,
    limit: int,
) -> None:
    """Print what has changed an account: opening principal, transfers, closing principal.

    Exits with 1 if they do not fit together.
    """
    since, until = since or MIN_MOMENT, until or MAX_MOMENT
    if since >= until:
        raise click.UsageError("--since is not before --until")
    with _reader() as reader:
        key = AccountKey(debtor_id, creditor_id)
        found = read_statement(reader, key, since, until, count_max=limit)
    tell_statement(found, form)
    if found.problems:
        sys.exit(1)
