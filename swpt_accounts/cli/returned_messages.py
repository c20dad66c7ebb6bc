"""The commands for the messages that the broker has returned."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import IO, Any

import click
import msgspec
import psycopg

from swpt_accounts.cli.options import (
    account_option,
    all_of,
    fail,
    get_settings,
    is_confirmed,
    span_options,
    yes_option,
)
from swpt_accounts.core.formatting import number, plural
from swpt_accounts.db.errors import one_line
from swpt_accounts.outbox.returned_messages_admin import (
    MONEY,
    ReturnedMessageFilter,
    ReturnedMessages,
    as_json,
    open_returned_messages,
    type_name,
)
from swpt_accounts.outbox.tables import SENT_TYPES

_LISTED_COUNT_MAX = 100
_SHOWN_COUNT_MAX = 10
_REASON_LENGTH_MAX = 40

filter_options = all_of(
    click.option(
        "--type",
        "types",
        multiple=True,
        type=click.Choice(SENT_TYPES),
        help="Of this message type.",
    ),
    click.option(
        "--destination",
        "destinations",
        multiple=True,
        metavar="TEXT",
        help="For this destination, as written by `list`.",
    ),
    click.option("--reason", help="With this text in the reason."),
    account_option,
    span_options("Returned"),
)


def make_filter(
    *, types: tuple[str, ...], destinations: tuple[str, ...], **options: Any
) -> ReturnedMessageFilter:
    return ReturnedMessageFilter(
        signal_names=[f"{name}Signal" for name in types] or None,
        destinations=list(destinations) or None,
        **options,
    )


@contextmanager
def _opened(
    wanted: ReturnedMessageFilter, *, only_read: bool = False
) -> Iterator[ReturnedMessages]:
    try:
        with open_returned_messages(get_settings(), wanted, only_read=only_read) as messages:
            yield messages
    except psycopg.Error as error:
        fail(one_line(error))


@click.group("returned_messages")
def returned_messages() -> None:
    """List the messages that RabbitMQ has returned, retry them, or discard them."""


@returned_messages.command("list")
@filter_options
@click.option(
    "--limit", type=click.IntRange(0), help="Maximum number of destinations to list; 0 lists all."
)
@click.option("--json", "is_json", is_flag=True, help="Write JSON.")
def list_destinations(limit: int | None, is_json: bool, **options: Any) -> None:
    """List destinations with returned messages, those with the most messages first."""
    limit = _LISTED_COUNT_MAX if limit is None else limit
    with _opened(make_filter(**options), only_read=True) as messages:
        rows = messages.destinations()
    listed = rows[:limit] if limit else rows
    count = sum(row.count for row in rows)
    if is_json:
        found = {
            "destinations": [_destination_json(row) for row in listed],
            "destinations_count": len(rows),
            "messages_count": count,
        }
        click.echo(msgspec.json.encode(found).decode())
        return
    head = ("MESSAGES", "OLDEST", "ATTEMPTS", "NEXT TRY", "DESTINATION", "TYPES", "REASON")
    for line in _table([head, *(_destination_cells(row) for row in listed)]):
        click.echo(line)
    if len(rows) > len(listed):
        click.echo(
            f"… and {plural(len(rows) - len(listed), 'destination')} more (--limit 0 lists all)"
        )
    click.echo(f"\n{plural(count, 'returned message')} for {plural(len(rows), 'destination')}")


def _destination_json(row: Any) -> dict[str, Any]:
    return {
        "destination": row.destination,
        "count": row.count,
        "oldest": row.oldest,
        "types": [type_name(name) for name in row.signal_names],
        "reason": row.reason,
        "attempts_count": row.attempts_count,
        "next_attempt_at": None if row.is_due else row.next_attempt_at,
    }


def _destination_cells(row: Any) -> tuple[str, ...]:
    reason = row.reason.replace("\n", " ")
    return (
        str(row.count),
        _short(row.oldest),
        str(row.attempts_count),
        "now" if row.is_due else _short(row.next_attempt_at),
        row.destination,
        ",".join(type_name(name) for name in row.signal_names),
        reason if len(reason) <= _REASON_LENGTH_MAX else f"{reason[: _REASON_LENGTH_MAX - 1]}…",
    )


def _short(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()


@returned_messages.command("show")
@filter_options
@click.option("--limit", type=click.IntRange(0), help="Maximum number to show; 0 shows all.")
@click.option(
    "--json",
    "_is_json",
    is_flag=True,
    help="No effect: the output is always JSON, one message per line.",
)
def show(limit: int | None, _is_json: bool, **options: Any) -> None:
    """Show returned messages in full, the oldest first, one per line."""
    limit = _SHOWN_COUNT_MAX if limit is None else limit
    count = 0
    with _opened(make_filter(**options), only_read=True) as messages:
        rows = messages.messages()
        for row in islice(rows, limit) if limit else rows:
            click.echo(as_json(row))
            count += 1
        if limit and next(rows, None) is not None:
            click.echo(
                f"Showed {plural(count, 'message')}; there are more (--limit 0 shows all).",
                err=True,
            )
    if count == 0:
        fail("no returned messages match")


@returned_messages.command("retry")
@filter_options
def retry(**options: Any) -> None:
    """Retry returned messages now: the matching ones, or all without options."""
    with _opened(make_filter(**options)) as messages:
        count = messages.retry()
    click.echo(
        f"Scheduled {plural(count, 'queue')} of returned messages; `flush_messages` retries them"
        " within FLUSH_PERIOD."
    )


@returned_messages.command("discard")
@filter_options
@click.option(
    "--all", "is_all", is_flag=True, help="All messages. Needed if no other option filters them."
)
@click.option(
    "--with-money",
    is_flag=True,
    help="Include PendingBalanceChanges. Each is money in transit: discarding it LOSES the money.",
)
@click.option(
    "--save",
    "path",
    type=click.Path(dir_okay=False),
    help="Append the discarded messages to this file before they are deleted.",
)
@yes_option
def discard(is_all: bool, with_money: bool, path: str | None, yes: bool, **options: Any) -> None:
    """Delete returned messages. They will never be sent."""
    wanted = make_filter(**options)
    if (wanted == ReturnedMessageFilter()) != is_all:
        raise click.UsageError("filter messages with options, or pass --all")
    with _opened(wanted) as messages, _saving(path) as save:
        counts = messages.counts()
        kept_count = 0 if with_money else counts.pop(MONEY, 0)
        if not sum(counts.values()):
            click.echo("No returned messages match.")
        elif yes or _is_confirmed(counts):
            done = 0
            try:
                for count in messages.discard(save, with_money=with_money):
                    done += count
            finally:
                click.echo(f"Discarded {plural(done, 'message')}.")
    if kept_count:
        fail(
            f"kept {plural(kept_count, 'PendingBalanceChange')}: each is money in transit, which"
            " would be lost (pass --with-money to discard them)"
        )


def _is_confirmed(counts: dict[str, int]) -> bool:
    parts = (f"{number(count)} {type_name(name)}" for name, count in sorted(counts.items()))
    warning = " MONEY IN TRANSIT IS LOST with each PendingBalanceChange." if MONEY in counts else ""
    return is_confirmed(f"discard {', '.join(parts)}", warning)


@contextmanager
def _saving(path: str | None) -> Iterator[Callable[[list[Any]], None]]:
    """A function that writes messages to a file, and makes sure that they are on the disk."""
    if path is None:
        yield lambda rows: None
        return
    try:
        file: IO[bytes] = os.fdopen(
            os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab"
        )
    except OSError as error:
        fail(f"{path}: {error.strerror}")

    def save(rows: list[Any]) -> None:
        try:
            file.writelines(as_json(row) + b"\n" for row in rows)
            file.flush()
            os.fsync(file.fileno())
        except OSError as error:
            fail(f"{path}: {error.strerror}")

    with file:
        yield save
