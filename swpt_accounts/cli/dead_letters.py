"""The commands that read dead letters, and send them again."""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from swpt_accounts.broker.topology import money_queue
from swpt_accounts.cli.options import (
    account_option,
    all_of,
    fail,
    get_settings,
    is_confirmed,
    span_options,
    url_option,
    yes_option,
)
from swpt_accounts.cli.progress import LettersRead
from swpt_accounts.core.formatting import number, plural
from swpt_accounts.dead_letters import rendering
from swpt_accounts.dead_letters.letter import Letter, LetterFilter
from swpt_accounts.dead_letters.replay import Report
from swpt_accounts.dead_letters.resolutions import LetterState
from swpt_accounts.dead_letters.session import DeadLetterSession, open_session
from swpt_accounts.workers.shutdown import ShutdownEvent

_LISTED_COUNT_MAX = 100
_SHOWN_COUNT_MAX = 10


def _offsets(text: str) -> range:
    found = re.fullmatch(r"([0-9]{1,18})(?:-([0-9]{1,18}))?", text)
    if found is None:
        raise click.BadParameter(f"{text!r} is not an offset, nor a range like 7-12")
    first = int(found[1])
    return range(first, int(found[2] or first) + 1)


def _digest(text: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{6,64}", text):
        raise click.BadParameter(f"{text!r} is not a digest, nor its first 6 or more digits")
    return text.lower()


filter_options = all_of(
    url_option,
    click.option("-q", "--queue", help="Name of the queue whose dead letters are read."),
    click.option("--type", "types", multiple=True, metavar="TYPE", help="Of this message type."),
    click.option("--reason", help="With this kind of reason, or this text in the reason."),
    account_option,
    span_options("Rejected"),
    click.option(
        "--offset",
        "offsets",
        type=_offsets,
        metavar="N[-M]",
        multiple=True,
        help="With this offset, or in this range of offsets.",
    ),
    click.option(
        "--digest",
        "digests",
        type=_digest,
        metavar="HEX",
        multiple=True,
        help="With a digest that begins with these digits.",
    ),
)
all_option = click.option(
    "--all", "all_states", is_flag=True, help="Include letters that were replayed or discarded."
)


def make_filter(*, types: tuple[str, ...], **options: Any) -> LetterFilter:
    return LetterFilter(types=frozenset(types), **options)


@click.group("dead_letters")
def dead_letters() -> None:
    """List rejected messages (dead letters), and send them again."""


@contextmanager
def _session(
    *, changes: bool, url: str | None, queue: str | None, **options: Any
) -> Iterator[tuple[DeadLetterSession, LetterFilter]]:
    """A session, and the filter that the options are. Of another queue, each shard has the letters
    of its own accounts, and of none: so all shards together deal with each of them once.
    """
    settings = get_settings(protocol_broker_url=url)
    own = settings.protocol_broker_queue
    is_own = queue in (None, own, money_queue(own))
    wanted = make_filter(realm=None if is_own else settings.realm, **options)
    shutdown = ShutdownEvent()
    shutdown.on_signals()
    with open_session(
        settings, queue or own, shutdown.is_requested, LettersRead(), changes=changes
    ) as session:
        yield session, wanted


@dead_letters.command("list")
@filter_options
@all_option
@click.option("--limit", type=click.IntRange(0), help="Maximum number to list; 0 lists all.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def list_letters(all_states: bool, limit: int | None, as_json: bool, **options: Any) -> None:
    """List dead letters, and count them by type and kind of reason."""
    limit = _LISTED_COUNT_MAX if limit is None else limit
    counts: Counter[tuple[str, str]] = Counter()
    count = 0
    with _session(changes=False, **options) as (session, wanted):
        click.echo('{"letters": [' if as_json else rendering.table_head())
        for letter, state in session.letters(wanted, all_states=all_states):
            counts[letter.type_name, letter.kind] += 1
            count += 1
            if limit and count > limit:
                continue
            if as_json:
                separator = "," if count > 1 else ""
                click.echo(separator + json.dumps(rendering.letter_json(letter, state)))
            else:
                click.echo(rendering.table_row(letter, state))
    if as_json:
        by_kind = json.dumps(rendering.counts_json(counts))
        click.echo(f'], "count": {count}, "counts": {by_kind}}}')
        return
    if limit and count > limit:
        click.echo(f"… and {number(count - limit)} more (--limit 0 lists all)")
    noun = "dead letter" if all_states else "unhandled dead letter"
    click.echo(f"\n{plural(count, noun)}")
    for line in rendering.counts_lines(counts):
        click.echo(line)


@dead_letters.command("show")
@filter_options
@all_option
@click.option("--limit", type=click.IntRange(0), help="Maximum number to show; 0 shows all.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON, one letter per line.")
def show(all_states: bool, limit: int | None, as_json: bool, **options: Any) -> None:
    """Show dead letters in full, and mark what is wrong."""
    limit = _SHOWN_COUNT_MAX if limit is None else limit
    count = 0
    with _session(changes=False, **options) as (session, wanted):
        settings = session.settings
        every = all_states or wanted.is_by_name
        for letter, state in session.letters(wanted, all_states=every):
            count += 1
            if as_json:
                click.echo(json.dumps(rendering.whole_json(letter, state, settings), default=str))
            else:
                click.echo("\n".join(rendering.whole_lines(letter, state, settings)) + "\n")
            if count == limit:
                click.echo(
                    f"Showed {plural(count, 'dead letter')}; there may be more (--limit 0 shows"
                    " all).",
                    err=True,
                )
                break
    if count == 0:
        fail("no dead letters match")


@dead_letters.command("replay")
@filter_options
@click.option("--limit", type=click.IntRange(1), help="Maximum number to send.")
@click.option(
    "--again",
    is_flag=True,
    help="Include letters that were handled, or may have been sent. Needs --offset or --digest.",
)
@yes_option
def replay(limit: int | None, again: bool, yes: bool, **options: Any) -> None:
    """Send dead letters to the queue again, or to the shard that they belong to."""
    if again and not (options["offsets"] or options["digests"]):
        raise click.UsageError("--again needs --offset or --digest")
    with _session(changes=True, **options) as (session, wanted):
        if not (yes or _is_confirmed("resend", session, wanted, limit, every=again)):
            return
        replayer = session.replayer()
        try:
            session.process(
                wanted,
                lambda letters, states: replayer.replay(letters, states, again=again),
                every=again,
                count_max=limit,
            )
        finally:
            _write_report(replayer.report)
            _write_limits(wanted)
    if replayer.report.kept_count:
        sys.exit(1)


def _write_limits(wanted: LetterFilter) -> None:
    if wanted.realm is not None and wanted.realm.length:
        click.echo(
            f"Only letters of the accounts of this shard ({wanted.realm}) were considered: for the"
            " others, run the command with the settings of their shards.",
            err=True,
        )


def _write_report(report: Report) -> None:
    for letter, reason in report.kept:
        click.echo(rendering.printable(f"skipped letter {letter.id}: {reason}"), err=True)
    if report.kept_count > len(report.kept):
        click.echo(f"… and {number(report.kept_count - len(report.kept))} more", err=True)
    click.echo(f"Sent {number(report.sent_count)}, skipped {number(report.kept_count)}.")


@dead_letters.command("discard")
@filter_options
@click.option("--limit", type=click.IntRange(1), help="Maximum number to discard.")
@yes_option
def discard(limit: int | None, yes: bool, **options: Any) -> None:
    """Mark dead letters as handled, without sending them. They stay in the stream."""
    with _session(changes=True, **options) as (session, wanted):
        if not (yes or _is_confirmed("discard", session, wanted, limit, every=False)):
            return
        count = 0

        def mark(letters: list[Letter], _states: list[LetterState]) -> None:
            nonlocal count
            session.register.mark(letters, LetterState.DISCARDED)
            count += len(letters)

        try:
            session.process(wanted, mark, every=False, count_max=limit)
        finally:
            click.echo(f"Discarded {plural(count, 'dead letter')}.")
            _write_limits(wanted)


def _is_confirmed(
    verb: str, session: DeadLetterSession, wanted: LetterFilter, limit: int | None, *, every: bool
) -> bool:
    """Whether letters match, and somebody confirms the action."""
    count = 0
    for _ in session.letters(wanted, all_states=every):
        count += 1
        if count == limit:
            break
    if count == 0:
        click.echo("No dead letters match.")
        return False
    return is_confirmed(f"{verb} {plural(count, 'dead letter')}")
