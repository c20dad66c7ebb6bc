"""Options that choose among messages, and the question whether somebody is sure."""

import re
import sys
from datetime import UTC, datetime

import click

from swpt_accounts.core.ids import MAX_INT64, MIN_INT64


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


account_option = click.option(
    "--account", type=_account, metavar="DEBTOR/CREDITOR", help="For this account (signed ids)."
)
since_option = click.option(
    "--since", type=_moment, metavar="MOMENT", help="Put aside at this moment (UTC) or later."
)
until_option = click.option(
    "--until", type=_moment, metavar="MOMENT", help="Put aside before this moment (UTC)."
)
sure_option = click.option("--yes", is_flag=True, help="Do not ask.")


def is_sure(question: str) -> bool:
    """Ask somebody at the terminal; where there is nobody, `--yes` has to be given."""
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question} There is nobody to ask: use --yes")
    return click.confirm(question, err=True)
