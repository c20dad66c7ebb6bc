"""What the commands share: options, and the settings that they replace."""

from typing import Any

import click
import msgspec

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
