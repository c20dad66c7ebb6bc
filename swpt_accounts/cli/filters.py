"""Options that choose among messages, and the question whether somebody is sure."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click

from swpt_accounts.core.ids import parse_id


def _account(text: str) -> tuple[int, int]:
    try:
        debtor_id, creditor_id = map(parse_id, text.split("/"))
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is not a debtor id and a creditor id, like 1/2"
        ) from None
    return debtor_id, creditor_id


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not an ISO 8601 date or date-time") from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


account_option = click.option(
    "--account", type=_account, metavar="DEBTOR/CREDITOR", help="For this account (signed ids)."
)


def moment_option(name: str, meaning: str, *, is_required: bool = False) -> Callable[[Any], Any]:
    """An option that is a moment; without an offset it is UTC."""
    return click.option(name, type=_moment, metavar="MOMENT", help=meaning, required=is_required)


def since_option(meaning: str) -> Callable[[Any], Any]:
    """An option that is a moment: this one or later."""
    return moment_option("--since", meaning)


def until_option(meaning: str) -> Callable[[Any], Any]:
    """An option that is a moment: before this one."""
    return moment_option("--until", meaning)


put_aside_since_option = since_option("Put aside at this moment (UTC) or later.")
put_aside_until_option = until_option("Put aside before this moment (UTC).")
sure_option = click.option("--yes", is_flag=True, help="Do not ask.")


def is_sure(question: str) -> bool:
    """Ask somebody at the terminal; where there is nobody, `--yes` has to be given."""
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question} There is nobody to ask: use --yes")
    return click.confirm(question, err=True)
