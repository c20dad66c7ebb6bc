"""The options that choose among the messages which were put aside."""

import re
from collections.abc import Callable
from datetime import datetime
from functools import reduce

import click

from swpt_accounts.cli.filters import (
    account_option,
    put_aside_since_option,
    put_aside_until_option,
)
from swpt_accounts.cli.options import queue_option, url_option
from swpt_accounts.dead_letters.filters import Choice


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
) -> Choice:
    """What these options choose."""
    return Choice(
        types=frozenset(types),
        reason=reason,
        account=account,
        since=since,
        until=until,
        offsets=offsets,
        digests=digests,
    )
