"""The options that choose among the messages which were put aside."""

import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import reduce

import click

from swpt_accounts.cli.options import queue_option, url_option
from swpt_accounts.core.ids import MAX_INT64, MIN_INT64
from swpt_accounts.dead_letters.choosing import Choice


def _account(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(-?[0-9]{1,19})/(-?[0-9]{1,19})", text)
    ids = tuple(map(int, found.groups())) if found else ()
    if len(ids) != 2 or not all(MIN_INT64 <= n <= MAX_INT64 for n in ids):
        raise click.BadParameter(f"{text!r} is not a debtor id and a creditor id, like 1/2")
    return ids[0], ids[1]


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not an ISO 8601 date or date-time") from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


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
    click.option(
        "--account", type=_account, metavar="DEBTOR/CREDITOR", help="For this account (signed ids)."
    ),
    click.option(
        "--since", type=_moment, metavar="MOMENT", help="Put aside at this moment (UTC) or later."
    ),
    click.option(
        "--until", type=_moment, metavar="MOMENT", help="Put aside before this moment (UTC)."
    ),
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
sure_option = click.option("--yes", is_flag=True, help="Do not ask.")


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


def is_sure(question: str) -> bool:
    """Ask somebody at the terminal; where there is nobody, `--yes` has to be given."""
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question} There is nobody to ask: use --yes")
    return click.confirm(question, err=True)
