"""The command that sends messages of the journal again."""

import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import click
import psycopg
from pika.exceptions import AMQPError

from swpt_accounts.broker.connections import describe
from swpt_accounts.broker.publisher import Publisher
from swpt_accounts.cli.options import (
    account_option,
    fail,
    get_settings,
    span_options,
    url_option,
)
from swpt_accounts.core.formatting import plural
from swpt_accounts.inspection.lookup.journal import journal_extent
from swpt_accounts.inspection.lookup.models import AccountKey, JournalEntry
from swpt_accounts.inspection.lookup.resend_filter import ResendFilter, select_messages
from swpt_accounts.inspection.lookup.session import LookupReader, open_reader
from swpt_accounts.outbox.resend import Resender
from swpt_accounts.outbox.tables import SENT_TYPES
from swpt_accounts.settings import Settings
from swpt_accounts.workers.shutdown import ShutdownEvent

NAME: Final = "resend"


@click.command("resend")
@url_option
@account_option
@span_options("Sent")
@click.option(
    "--type",
    "types",
    multiple=True,
    type=click.Choice(SENT_TYPES),
    help="Of this message type.",
)
@click.option(
    "--per-second",
    type=click.FloatRange(0.1, 10_000),
    default=200.0,
    show_default=True,
    help="Maximum rate, in messages per second.",
)
@click.option(
    "--send",
    "is_sending",
    is_flag=True,
    help="Send the messages. Without it, only count them.",
)
def resend(
    url: str | None,
    account: tuple[int, int] | None,
    since: datetime | None,
    until: datetime | None,
    types: tuple[str, ...],
    per_second: float,
    is_sending: bool,
) -> None:
    """Send messages of the journal again, to peers that have lost them.

    The messages are unchanged; receivers ignore those that they have.
    """
    if since is None:
        raise click.UsageError("--since is required: the first moment at which messages were lost")
    until = min(until or datetime.max.replace(tzinfo=UTC), datetime.now(UTC))
    if since >= until:
        raise click.UsageError("--since must be before --until, and not in the future")
    wanted = ResendFilter(
        account=AccountKey(*account) if account else None,
        since=since,
        until=until,
        message_types=types,
    )
    settings = get_settings(protocol_broker_url=url)
    try:
        with open_reader(settings, NAME) as reader:
            _warn_of_gaps(reader, wanted)
            pages = select_messages(reader, wanted)
            is_done = _send(settings, pages, per_second) if is_sending else _count(pages)
    except (psycopg.Error, AMQPError) as error:
        fail(describe(error))
    if not is_done:
        sys.exit(1)


def _warn_of_gaps(reader: LookupReader, wanted: ResendFilter) -> None:
    with reader.snapshot():
        extent = journal_extent(reader)
    if extent.first_at is None:
        fail("the journal is empty (JOURNAL_DAYS)")
    if extent.first_at > wanted.since:
        click.echo(
            f"The journal begins at {extent.first_at.isoformat()}: earlier messages are missing.",
            err=True,
        )


def _count(pages: Iterator[list[JournalEntry]]) -> bool:
    counts: Counter[str] = Counter()
    for page in pages:
        counts.update(entry.message_type for entry in page)
    _write_counts("To be sent (pass --send to send them)", counts)
    return True


def _send(settings: Settings, pages: Iterator[list[JournalEntry]], per_second: float) -> bool:
    shutdown = ShutdownEvent()
    shutdown.on_signals()
    publisher = Publisher(settings.protocol_broker_url, NAME)
    resender = Resender(publisher, shutdown, per_second)
    is_done = False
    try:
        is_done = all(
            resender.send([(entry.message_type, entry.body) for entry in page]) for page in pages
        )
    finally:
        publisher.close()
        _write_counts("Sent" if is_done else "Sent (incomplete)", resender.sent)
        for reason, count in resender.refused.most_common(10):
            click.echo(f"{count:>12,}  returned by RabbitMQ: {reason}", err=True)
    return is_done and not resender.refused


def _write_counts(title: str, counts: Counter[str]) -> None:
    click.echo(f"{title}: {plural(counts.total(), 'message')}")
    for message_type, count in sorted(counts.items()):
        click.echo(f"{count:>12,}  {message_type}")
