"""What the commands share: options, parameters, and the settings that they replace."""

import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from swpt_accounts.core.ids import parse_id
from swpt_accounts.settings import Settings, SettingsError, read_setting

url_option = click.option("-u", "--url", help="The URL of the broker.")
queue_option = click.option("-q", "--queue", help="The name of the queue.")
processes_option = click.option(
    "-p", "--processes", type=click.IntRange(0, 1000), help="The number of processes."
)
threads_option = click.option(
    "-t",
    "--threads",
    type=click.IntRange(0, 1000),
    help="The number of threads in a process; 0: the program chooses.",
)
wait_option = click.option(
    "-w",
    "--wait",
    type=click.FloatRange(0),
    help="The longest time, in seconds, that work may lie unnoticed.",
)
quit_early_option = click.option(
    "--quit-early", is_flag=True, help="Exit when there is nothing left to do."
)
prefetch_size_option = click.option(
    "-s", "--prefetch-size", type=click.IntRange(0), help="Bytes to prefetch; 0 is no limit."
)
prefetch_count_option = click.option(
    "-c",
    "--prefetch-count",
    type=click.IntRange(0, 65535),
    help="Messages to prefetch; 0: the program chooses.",
)


def get_settings(**options: Any) -> Settings:
    """The settings, in which options that were given (are not None) replace variables."""
    settings = click.get_current_context().find_object(Settings)
    assert settings is not None
    try:
        return msgspec.structs.replace(
            settings,
            **{
                name: read_setting(name, str(value))
                for name, value in options.items()
                if value is not None
            },
        )
    except SettingsError as error:
        raise click.UsageError(str(error)) from None


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


class IdParam(click.ParamType[int]):
    """A signed 64-bit id: see `parse_id`."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The id. Says what is wrong with the text otherwise."""
        try:
            return parse_id(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class CoordinatorTypeParam(click.ParamType[str]):
    """The type of a coordinator."""

    name = "type"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The type, if it is one that a message can have."""
        text = str(value)
        if not re.fullmatch(r"[ -~]{1,30}", text) or text.startswith("-"):
            self.fail(
                f"{text[:50]!r} is no type of a coordinator: 1 to 30 ASCII symbols, like"
                " `direct`, `issuing` or `agent`",
                param,
                ctx,
            )
        return text
