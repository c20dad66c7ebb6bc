"""The commands about the messages that the broker did not take."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import reduce
from itertools import islice
from typing import IO, Any

import click
import msgspec
import psycopg

from swpt_accounts.cli.filters import (
    account_option,
    is_sure,
    put_aside_since_option,
    put_aside_until_option,
    sure_option,
)
from swpt_accounts.cli.options import get_settings
from swpt_accounts.outbox.returned_messages_admin import (
    MONEY,
    ReturnedMessageFilter,
    ReturnedMessages,
    as_json,
    open_returned_messages,
    type_name,
)
from swpt_accounts.smp.outgoing import SIGNALS

_LISTED_COUNT_MAX = 100
_SHOWN_COUNT_MAX = 10
_REASON_LENGTH_MAX = 40

_OPTIONS = (
    click.option(
        "--type",
        "types",
        multiple=True,
        type=click.Choice([message_type.__name__ for message_type in SIGNALS.values()]),
        help="Of this message type.",
    ),
    click.option(
        "--destination",
        "destinations",
        multiple=True,
        metavar="TEXT",
        help="To this destination, written as `list` does.",
    ),
    click.option("--reason", help="With this text in the reason."),
    account_option,
    put_aside_since_option,
    put_aside_until_option,
)


def _choosing(function: Callable[..., None]) -> Callable[..., None]:
    return reduce(lambda made, option: option(made), reversed(_OPTIONS), function)


def _choice(
    types: tuple[str, ...],
    destinations: tuple[str, ...],
    reason: str | None,
    account: tuple[int, int] | None,
    since: datetime | None,
    until: datetime | None,
) -> ReturnedMessageFilter:
    return ReturnedMessageFilter(
        signal_names=[f"{name}Signal" for name in types] or None,
        destinations=list(destinations) or None,
        reason=reason,
        account=account,
        since=since,
        until=until,
    )


@contextmanager
def _opened(
    choice: ReturnedMessageFilter, *, only_read: bool = False
) -> Iterator[ReturnedMessages]:
    try:
        with open_returned_messages(get_settings(), choice, only_read=only_read) as messages:
            yield messages
    except psycopg.Error as error:
        sys.exit(f"swpt_accounts: {error}")


@click.group("returned_messages")
def returned_messages() -> None:
    """Look at the messages that the broker did not take, try them again, and end them."""


@returned_messages.command("list")
@_choosing
@click.option("--limit", type=click.IntRange(0), help="Destinations to list; 0: all.")
@click.option("--json", "is_json", is_flag=True, help="Write JSON.")
def list_destinations(limit: int | None, is_json: bool, **options: Any) -> None:
    """List the destinations for which there are messages, the longest lines first."""
    limit = _LISTED_COUNT_MAX if limit is None else limit
    with _opened(_choice(**options), only_read=True) as messages:
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
        click.echo(f"… and {len(rows) - len(listed)} more destinations (--limit 0 lists all)")
    click.echo(f"\n{count} messages to {len(rows)} destinations")


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
@_choosing
@click.option("--limit", type=click.IntRange(0), help="Messages to show; 0: all.")
@click.option("--json", "_is_json", is_flag=True, help="It is always JSON, a message a line.")
def show(limit: int | None, _is_json: bool, **options: Any) -> None:
    """Show whole messages, the oldest first, one a line."""
    limit = _SHOWN_COUNT_MAX if limit is None else limit
    count = 0
    with _opened(_choice(**options), only_read=True) as messages:
        rows = messages.messages()
        for row in islice(rows, limit) if limit else rows:
            click.echo(as_json(row))
            count += 1
        if limit and next(rows, None) is not None:
            click.echo(
                f"{count} messages were shown; there are more (--limit 0 shows all)", err=True
            )
    if count == 0:
        sys.exit("swpt_accounts: no message is chosen")


@returned_messages.command("retry")
@_choosing
def retry(**options: Any) -> None:
    """Make the lines of the chosen messages (without options: all) due now."""
    with _opened(_choice(**options)) as messages:
        count = messages.retry()
    click.echo(f"{count} lines are due now; the flushers try them within FLUSH_PERIOD.")


@returned_messages.command("discard")
@_choosing
@click.option("--all", "is_all", is_flag=True, help="All messages, where nothing else is chosen.")
@click.option(
    "--with-money",
    is_flag=True,
    help="Also PendingBalanceChanges. Each is money on its way: discarding it LOSES the money.",
)
@click.option(
    "--save",
    "path",
    type=click.Path(dir_okay=False),
    help="Append what is discarded to this file, before it is deleted.",
)
@sure_option
def discard(is_all: bool, with_money: bool, path: str | None, yes: bool, **options: Any) -> None:
    """Delete messages for good. They are never sent."""
    choice = _choice(**options)
    if (choice == ReturnedMessageFilter()) != is_all:
        raise click.UsageError("choose messages with options, or all of them with --all")
    with _opened(choice) as messages, _saving(path) as save:
        counts = messages.counts()
        kept_count = 0 if with_money else counts.pop(MONEY, 0)
        if not sum(counts.values()):
            click.echo("No message is discarded.")
        elif yes or is_sure(_question(counts)):
            done = 0
            try:
                for count in messages.discard(save, with_money=with_money):
                    done += count
            finally:
                click.echo(f"{done} messages are discarded.")
    if kept_count:
        sys.exit(
            f"swpt_accounts: {kept_count} PendingBalanceChanges are kept: each is money on its"
            " way, which would be lost (--with-money discards them)"
        )


def _question(counts: dict[str, int]) -> str:
    parts = ", ".join(f"{count} {type_name(name)}" for name, count in sorted(counts.items()))
    warning = " MONEY ON ITS WAY IS LOST with each PendingBalanceChange." if MONEY in counts else ""
    return f"Discard {parts}?{warning}"


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
        sys.exit(f"swpt_accounts: {path}: {error.strerror}")

    def save(rows: list[Any]) -> None:
        try:
            file.writelines(as_json(row) + b"\n" for row in rows)
            file.flush()
            os.fsync(file.fileno())
        except OSError as error:
            sys.exit(f"swpt_accounts: {path}: {error.strerror}")

    with file:
        yield save
