"""The command that looks at an installation before it is upgraded to this version."""

import os
import sys
from collections.abc import Iterator
from typing import Final

import click
import msgspec

from swpt_accounts.cli.options import get_settings, json_option
from swpt_accounts.core.formatting import duration
from swpt_accounts.inspection.upgrade.report import UpgradeReport, check_upgrade

FORBIDDEN: Final = 1
UNKNOWN: Final = 2
_RESULTS: Final = {
    0: "the upgrade can begin: run `configure` of this version",
    FORBIDDEN: "do not upgrade yet: see what to stop, and the problems",
    UNKNOWN: "not known: a server did not answer",
}


@click.group("upgrade")
def upgrade() -> None:
    """Look at an installation before it is upgraded."""


@upgrade.command("check")
@json_option
def check(is_json: bool) -> None:
    """Say what an upgrade to this version would do, and what is in its way. Change nothing.

    Exit with 0 if it can begin, with 1 if something must be stopped or mended before, with 2 if a
    server did not answer.
    """
    report = check_upgrade(get_settings(), os.environ)
    code = exit_code(report)
    if is_json:
        members = {"can_begin": code == 0, **msgspec.to_builtins(report)}
        click.echo(msgspec.json.encode(members))
    else:
        click.echo("\n".join([*_lines(report), f"Result: {_RESULTS[code]}"]))
    sys.exit(code)


def exit_code(report: UpgradeReport) -> int:
    """What the exit code says of it."""
    if report.unanswered:
        return UNKNOWN
    return FORBIDDEN if report.stop or report.problems else 0


def _lines(report: UpgradeReport) -> Iterator[str]:
    yield f"Version: {report.program}, migration {report.revision}, procedures {report.procedures}"
    yield f"Servers: {', '.join([report.database or 'no database', *report.brokers])}"
    before = report.installed_revision or "none"
    yield (
        f"Migrations: {len(report.migrations)} after {before}; with the stored procedures at most"
        f" {duration(report.seconds)}, in one transaction"
    )
    for one in report.migrations:
        yield f"  {one.revision}  {duration(one.seconds):>7}  {one.subject}"
    if report.removed:
        yield f"Removes: the stored procedures {', '.join(report.removed)}"
    if report.way_back:
        yield f"Way back: {report.way_back}"
    for heading, texts in (
        ("Stop first", report.stop),
        ("Problem", report.problems),
        ("Setting", report.settings),
        ("Note", report.notes),
        ("No answer", report.unanswered),
    ):
        yield from (f"{heading}: {text}" for text in texts)
