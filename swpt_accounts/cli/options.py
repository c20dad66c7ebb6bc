"""What the commands share: options, parameters, and the settings that they replace."""

import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import reduce
from typing import Any, NoReturn

import click
import msgspec
from setproctitle import setproctitle

from swpt_accounts.core.id_notation import parse_account, parse_number
from swpt_accounts.settings import Settings, SettingsError, read_setting
from swpt_accounts.settings.urls import without_password

Decorator = Callable[[Any], Any]

_SECRET = re.compile(r"//[^/?#@]*:(?!guest@)[^/?#@]+@|password=")


def hide_password(_context: click.Context, parameter: click.Parameter, url: str | None) -> Any:
    """Take a URL with a password out of the process list, and say where it belongs."""
    if url and _SECRET.search(url):
        shown = without_password(url)
        setproctitle(" ".join(word.replace(url, shown) for word in sys.argv))
        click.echo(
            f"swpt_accounts: the password in {parameter.opts[-1]} could be read by every user of"
            " this machine: set the variable that the option replaces"
            " (docs/reference/commands.md#options-that-replace-settings)",
            err=True,
        )
    return url


def url_option_of(*names: str, meaning: str) -> Decorator:
    return click.option(*names, help=meaning, callback=hide_password)


url_option = url_option_of("-u", "--url", meaning="URL of the broker.")
queue_option = click.option("-q", "--queue", help="Name of the queue.")
processes_option = click.option(
    "-p", "--processes", type=click.IntRange(0, 1000), help="Number of processes."
)
threads_option = click.option(
    "-t",
    "--threads",
    type=click.IntRange(0, 1000),
    help="Number of threads in each process; 0 chooses it automatically.",
)
wait_option = click.option(
    "-w",
    "--wait",
    type=click.FloatRange(0),
    help="Longest time, in seconds, that new work may go unnoticed.",
)
quit_early_option = click.option(
    "--quit-early", is_flag=True, help="Exit when there is nothing left to do."
)
prefetch_size_option = click.option(
    "-s", "--prefetch-size", type=click.IntRange(0), help="Bytes to prefetch; 0 sets no limit."
)
prefetch_count_option = click.option(
    "-c",
    "--prefetch-count",
    type=click.IntRange(0, 65535),
    help="Messages to prefetch; 0 chooses it automatically.",
)
json_option = click.option("--json", "is_json", is_flag=True, help="Write JSON.")
quiet_option = click.option("--quiet", is_flag=True, help="Show no progress.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")


def all_of(*options: Decorator) -> Decorator:
    """Several options as one decorator, in their order."""
    return lambda function: reduce(lambda made, option: option(made), reversed(options), function)


def fail(text: str, code: int = 1) -> NoReturn:
    """Write why it failed, and exit."""
    click.echo(f"swpt_accounts: {text}", err=True)
    sys.exit(code)


def get_settings(**options: Any) -> Settings:
    """The settings, in which options that were given (are not None) replace variables."""
    settings = click.get_current_context().find_object(Settings)
    if settings is None:
        raise click.UsageError("--help cannot be the value of another option")
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
        return parse_account(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not an ISO 8601 date or date-time") from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


account_option = click.option(
    "--account",
    type=_account,
    metavar="DEBTOR/CREDITOR",
    help="For this account: two ids, in any notation.",
)


def moment_option(name: str, meaning: str, *, is_required: bool = False) -> Decorator:
    """An option that is a moment; without an offset it is UTC."""
    return click.option(name, type=_moment, metavar="MOMENT", help=meaning, required=is_required)


def span_options(what: str) -> Decorator:
    """`--since` and `--until`: the second one is excluded."""
    return all_of(
        moment_option("--since", f"{what} at or after this moment (UTC)."),
        moment_option("--until", f"{what} before this moment (UTC)."),
    )


def is_confirmed(action: str, warning: str = "") -> bool:
    """Ask for confirmation at the terminal; without a terminal, `--yes` is needed."""
    if not sys.stdin.isatty():
        raise click.UsageError(
            f"Standard input is not a terminal; pass --yes to {action}.{warning}"
        )
    return click.confirm(f"{action[0].upper()}{action[1:]}?{warning}", err=True)


class IdParam(click.ParamType[int]):
    """A signed 64-bit id, as people paste it."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return parse_number(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class CoordinatorTypeParam(click.ParamType[str]):
    name = "type"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        if not re.fullmatch(r"[ -~]{1,30}", text) or text.startswith("-"):
            self.fail(
                f"{text[:50]!r} is not a coordinator type: use 1 to 30 ASCII characters, like"
                " `direct`, `issuing` or `agent`",
                param,
                ctx,
            )
        return text
