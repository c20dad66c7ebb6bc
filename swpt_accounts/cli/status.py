"""The command that shows the state of the shard, and any problems."""

import sys
from collections.abc import Callable
from typing import Final

import click

from swpt_accounts.cli.options import get_settings
from swpt_accounts.inspection.status.health_rules import Finding, Severity, findings
from swpt_accounts.inspection.status.model import Overview
from swpt_accounts.inspection.status.reader import OverviewReader
from swpt_accounts.inspection.status.serializers import as_json
from swpt_accounts.workers.shutdown import ShutdownEvent

WRONG: Final = 1
UNKNOWN: Final = 2
WATCH_SECONDS: Final = 2.0
WATCH_SECONDS_MIN: Final = 0.5

# Shows an overview, and what is wrong.
Show = Callable[[Overview, list[Finding]], None]


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
    with OverviewReader(get_settings()) as reader:
        if is_watching:
            _watch(reader, stop, max(seconds or WATCH_SECONDS, WATCH_SECONDS_MIN), is_json=is_json)
            return
        overview = reader.read()
        if seconds and not stop.wait(seconds):
            overview = reader.read()
    found = findings(overview)
    _shower(is_json=is_json)(overview, found)
    sys.exit(exit_code(overview, found))


def exit_code(overview: Overview, found: list[Finding]) -> int:
    """The exit code of the command."""
    if not overview.were_all_asked:
        return UNKNOWN
    return WRONG if any(f.severity is not Severity.NOTE for f in found) else 0


def _shower(*, is_json: bool) -> Show:
    if is_json:
        return lambda overview, found: click.echo(as_json(overview, found))
    # The library takes some MB, which the workers that the supervisor forks never need.
    from swpt_accounts.inspection.status.screen import Screen

    screen = Screen()
    return screen.show


def _watch(reader: OverviewReader, stop: ShutdownEvent, seconds: float, *, is_json: bool) -> None:
    if is_json or not sys.stdout.isatty():
        show = _shower(is_json=is_json)
        while not stop.is_requested():
            overview = reader.read()
            show(overview, findings(overview))
            stop.wait(seconds)
        return
    from swpt_accounts.inspection.status.screen import Screen

    with Screen().live() as show:
        while not stop.is_requested():
            overview = reader.read()
            show(overview, findings(overview))
            stop.wait(seconds)
