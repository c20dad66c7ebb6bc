"""The commands that read dead letters, and send them again."""

import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import reduce
from typing import Any

import click

from swpt_accounts.cli.options import (
    account_option,
    get_settings,
    is_sure,
    put_aside_since_option,
    put_aside_until_option,
    queue_option,
    sure_option,
    url_option,
)
from swpt_accounts.dead_letters import rendering
from swpt_accounts.dead_letters.letter import Letter, LetterFilter
from swpt_accounts.dead_letters.resolutions import LetterState
from swpt_accounts.dead_letters.session import DeadLetterSession, open_session
from swpt_accounts.settings import Settings


def _offsets(text: str) -> range:
    found = re.fullmatch(r"([0-9]{1,18})(?:-([0-9]{1,18}))?", text)
    if found is None:
        raise click.BadParameter(f"{text!r} is not an offset, nor two of them, like 7-12")
    first = int(found[1])
    return range(first, int(found[2] or first) + 1)


def _digest(text: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{6,64}", text):
        raise click.BadParameter(f"{text!r} is not the beginning of a digest, 6 digits or more")
    return text.lower()


_OPTIONS = (
    url_option,
    queue_option,
    click.option("--type", "types", multiple=True, metavar="TYPE", help="Of this message type."),
    click.option("--reason", help="With this kind of reason, or this text in the reason."),
    account_option,
    put_aside_since_option,
    put_aside_until_option,
    click.option(
        "--offset",
        "offsets",
        type=_offsets,
        metavar="N[-M]",
        multiple=True,
        help="With these offsets.",
    ),
    click.option(
        "--digest",
        "digests",
        type=_digest,
        metavar="HEX",
        multiple=True,
        help="Whose digest begins so.",
    ),
)


def choosing(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options that choose letters, and where they are."""
    return reduce(lambda made, option: option(made), reversed(_OPTIONS), function)


def get_choice(
    types: tuple[str, ...],
    reason: str | None,
    account: tuple[int, int] | None,
    since: datetime | None,
    until: datetime | None,
    offsets: tuple[range, ...],
    digests: tuple[str, ...],
) -> LetterFilter:
    """What these options choose."""
    return LetterFilter(
        types=frozenset(types),
        reason=reason,
        account=account,
        since=since,
        until=until,
        offsets=offsets,
        digests=digests,
    )


_LISTED_COUNT_MAX = 100
_SHOWN_COUNT_MAX = 10


@click.group("dead_letters")
def dead_letters() -> None:
    """Look at the messages that were put aside, and send them again."""


@contextmanager
def _session(
    url: str | None, queue: str | None, *, deals: bool
) -> Iterator[tuple[Settings, DeadLetterSession]]:
    settings = get_settings(protocol_broker_url=url, protocol_broker_queue=queue)
    with open_session(settings, deals=deals) as session:
        yield settings, session


def _tell(line: str) -> None:
    click.echo(line, err=True)


@dead_letters.command("list")
@choosing
@click.option("--all", "all_states", is_flag=True, help="Also those that were dealt with.")
@click.option("--limit", type=click.IntRange(0), help="Letters to list; 0: all.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def list_letters(
    url: str | None,
    queue: str | None,
    all_states: bool,
    limit: int | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Count the letters, by type and kind of reason, and list the first of them."""
    choice = get_choice(**options)
    limit = _LISTED_COUNT_MAX if limit is None else limit
    counts: Counter[tuple[str, str]] = Counter()
    count = 0
    with _session(url, queue, deals=False) as (_, session):
        click.echo('{"letters": [' if as_json else rendering.table_head())
        for letter, state in session.letters(choice, all_states=all_states):
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
        click.echo(f"… and {count - limit} more (--limit 0 lists all)")
    click.echo(f"\n{count:>12}  letters{'' if all_states else ' to be dealt with'}")
    for line in rendering.counts_lines(counts):
        click.echo(line)


@dead_letters.command("show")
@choosing
@click.option("--all", "all_states", is_flag=True, help="Also those that were dealt with.")
@click.option("--limit", type=click.IntRange(0), help="Letters to show; 0: all.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON, one letter a line.")
def show(
    url: str | None,
    queue: str | None,
    all_states: bool,
    limit: int | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Show whole letters, with what is wrong marked."""
    choice = get_choice(**options)
    limit = _SHOWN_COUNT_MAX if limit is None else limit
    count = 0
    with _session(url, queue, deals=False) as (settings, session):
        every = all_states or choice.is_by_name
        for letter, state in session.letters(choice, all_states=every):
            count += 1
            if as_json:
                click.echo(json.dumps(rendering.whole_json(letter, state, settings), default=str))
            else:
                click.echo("\n".join(rendering.whole_lines(letter, state, settings)) + "\n")
            if count == limit:
                _tell(f"{count} letters were shown; there may be more (--limit 0 shows all)")
                break
    if count == 0:
        sys.exit("swpt_accounts: no letter is chosen")


@dead_letters.command("replay")
@choosing
@click.option("--limit", type=click.IntRange(1), help="Letters to send at most.")
@click.option(
    "--again",
    is_flag=True,
    help="Also what was dealt with, or may have been sent. Needs --offset or --digest.",
)
@sure_option
def replay(
    url: str | None,
    queue: str | None,
    limit: int | None,
    again: bool,
    yes: bool,
    **options: Any,
) -> None:
    """Send letters again: to the queue; those for another shard, to where they belong."""
    choice = get_choice(**options)
    if again and not choice.is_by_name:
        raise click.UsageError("--again needs letters that are named, by --offset or --digest")
    with _session(url, queue, deals=True) as (_, session):
        if not _confirm(session, choice, limit, "Send {} letters again?", yes, every=again):
            return
        replayer = session.replayer()
        try:
            session.deal(
                choice,
                lambda letters, states: replayer.replay(letters, states, again=again),
                every=again,
                count_max=limit,
            )
        finally:
            report = replayer.report
            for letter, reason in report.kept:
                _tell(rendering.printable(f"letter {letter.id} is not sent: {reason}"))
            if report.kept_count > len(report.kept):
                _tell(f"… and {report.kept_count - len(report.kept)} more are not sent")
            click.echo(f"{report.sent_count} letters are sent, {report.kept_count} are not.")
    if report.kept_count:
        sys.exit(1)


@dead_letters.command("discard")
@choosing
@click.option("--limit", type=click.IntRange(1), help="Letters to discard at most.")
@sure_option
def discard(
    url: str | None, queue: str | None, limit: int | None, yes: bool, **options: Any
) -> None:
    """Mark letters as dealt with, without sending them. They stay in the stream."""
    choice = get_choice(**options)
    with _session(url, queue, deals=True) as (_, session):
        if not _confirm(session, choice, limit, "Discard {} letters?", yes, every=False):
            return
        count = 0

        def mark(letters: list[Letter], _states: list[LetterState]) -> None:
            nonlocal count
            session.register.mark(letters, LetterState.DISCARDED)
            count += len(letters)

        try:
            session.deal(choice, mark, every=False, count_max=limit)
        finally:
            click.echo(f"{count} letters are discarded.")


def _confirm(
    session: DeadLetterSession,
    choice: LetterFilter,
    limit: int | None,
    question: str,
    yes: bool,
    *,
    every: bool,
) -> bool:
    """Whether to go on: there is something to do, and somebody is sure of it."""
    if yes:
        return True
    count = 0
    for _ in session.letters(choice, all_states=every):
        count += 1
        if count == limit:
            break
    if count == 0:
        click.echo("No letter is chosen.")
        return False
    return is_sure(question.format(count))
