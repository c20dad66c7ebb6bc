"""The command that shows the state of the shard, and any problems."""

import sys
from collections.abc import Callable
from typing import Final

import click

from swpt_accounts.cli.options import get_settings
from swpt_accounts.inspection.status.health_rules import (
    HealthFinding,
    find_problems,
    problems_count,
)
from swpt_accounts.inspection.status.model import ShardStatus
from swpt_accounts.inspection.status.reader import StatusReader
from swpt_accounts.inspection.status.serializers import as_json
from swpt_accounts.workers.shutdown import ShutdownEvent

WRONG: Final = 1
UNKNOWN: Final = 2
WATCH_SECONDS: Final = 2.0
WATCH_SECONDS_MIN: Final = 0.5

# Shows a status, and what is wrong.
Show = Callable[[ShardStatus, list[HealthFinding]], None]


@click.command("status")
@click.option("--watch", "is_watching", is_flag=True, help="Refresh until Ctrl-C.")
@click.option(
    "--seconds",
    type=click.FloatRange(0, 3600),
    help="Duration over which rates are measured; with --watch, the refresh interval (2).",
)
@click.option(
    "--json", "is_json", is_flag=True, help="Write JSON; with --watch, one line per refresh."
)
def status(is_watching: bool, seconds: float | None, is_json: bool) -> None:
    """Show the state of the shard, and any problems.

    Exit with 0 if there are none, with 1 if there are some, with 2 if a server did not respond.
    """
    stop = ShutdownEvent()
    stop.on_signals()
    with StatusReader(get_settings()) as reader:
        if is_watching:
            _watch(reader, stop, max(seconds or WATCH_SECONDS, WATCH_SECONDS_MIN), is_json=is_json)
            return
        shard_status = reader.read()
        if seconds and not stop.wait(seconds):
            shard_status = reader.read()
    found = find_problems(shard_status)
    _shower(is_json=is_json)(shard_status, found)
    sys.exit(exit_code(shard_status, found))


def exit_code(shard_status: ShardStatus, found: list[HealthFinding]) -> int:
    """What the exit code says of it."""
    if not shard_status.have_all_answered:
        return UNKNOWN
    return WRONG if problems_count(found) else 0


def _shower(*, is_json: bool) -> Show:
    if is_json:
        return lambda shard_status, found: click.echo(as_json(shard_status, found))
    # The library takes some MB, which the workers that the supervisor forks never need.
    from swpt_accounts.inspection.status.screen import StatusScreen

    screen = StatusScreen()
    return screen.show


def _watch(reader: StatusReader, stop: ShutdownEvent, seconds: float, *, is_json: bool) -> None:
    if is_json or not sys.stdout.isatty():
        show = _shower(is_json=is_json)
        while not stop.is_requested():
            shard_status = reader.read()
            show(shard_status, find_problems(shard_status))
            stop.wait(seconds)
        return
    from swpt_accounts.inspection.status.screen import StatusScreen

    with StatusScreen().live() as show:
        while not stop.is_requested():
            shard_status = reader.read()
            show(shard_status, find_problems(shard_status))
            stop.wait(seconds)
