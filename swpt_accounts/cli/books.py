"""Commands that check the whole database of the shard."""

import sys
from pathlib import Path
from typing import NoReturn

import click
import psycopg

from swpt_accounts.audit.books import FINDINGS_MAX, check_books, open_books
from swpt_accounts.audit.checks import CheckSeverity
from swpt_accounts.audit.cross_shard import Verdict, add_up
from swpt_accounts.audit.exports import make_export, read_export, write_export
from swpt_accounts.audit.report import as_json, as_table, is_sound, sum_as_json, sum_as_table
from swpt_accounts.audit.shard_content import find_foreign_record
from swpt_accounts.cli.options import get_settings
from swpt_accounts.cli.progress import shown_progress
from swpt_accounts.settings import SettingsError

COULD_NOT_BE_CHECKED = 2

database_url_option = click.option(
    "--database-url", help="Another database than that of the settings: a replica."
)
limit_option = click.option(
    "--limit",
    type=click.IntRange(1, 1_000_000),
    default=FINDINGS_MAX,
    show_default=True,
    help="How many findings of each check are told.",
)
json_option = click.option("--json", "is_json", is_flag=True, help="Write JSON, and no progress.")
quiet_option = click.option("--quiet", is_flag=True, help="Write nothing but findings.")


@click.command("verify_shard_content")
@database_url_option
def verify_shard_content(database_url: str | None) -> None:
    """Exit with 0 if every record belongs to this shard, else with 1."""
    settings = get_settings(sqlalchemy_database_uri=database_url)
    try:
        finding = find_foreign_record(settings)
    except (psycopg.Error, SettingsError) as error:
        sys.exit(f"swpt_accounts: {error}")
    if finding is not None:
        sys.exit(f"swpt_accounts: {finding}")


@click.command("verify_books")
@database_url_option
@click.option(
    "--export",
    "export_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write what `add_up_books` needs to a file.",
)
@click.option(
    "--export-minutes",
    type=click.FloatRange(0, 10 * 365 * 24 * 60),
    default=15,
    show_default=True,
    help="From how long before now the export names the changes that other shards have sent.",
)
@limit_option
@json_option
@quiet_option
def verify_books(
    database_url: str | None,
    export_path: Path | None,
    export_minutes: float,
    limit: int,
    is_json: bool,
    quiet: bool,
) -> None:
    """Exit with 0 if the books are right, with 1 if not, with 2 if that cannot be known."""
    settings = get_settings(sqlalchemy_database_uri=database_url)
    try:
        with open_books(settings) as snapshot:
            with shown_progress(is_quiet=quiet or is_json) as progress:
                report = check_books(snapshot, count_max=limit, progress=progress)
            if export_path is not None:
                write_export(export_path, make_export(snapshot, report, export_minutes))
    except (psycopg.Error, SettingsError, OSError) as error:
        fail(reason_of(error))
    if is_json:
        click.echo(as_json(report))
    elif not quiet or report.findings:
        click.echo("\n".join(as_table(report)))
    sys.exit(1 if report.count(CheckSeverity.ERROR) else 0)


@click.command("add_up_books")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@limit_option
@json_option
def add_up_books(files: tuple[Path, ...], limit: int, is_json: bool) -> None:
    """Exit with 0 if the exported books of all shards add up, with 1 if not, else with 2."""
    try:
        result = add_up([read_export(path) for path in files])
    except (OSError, ValueError) as error:
        fail(reason_of(error))
    lines = [sum_as_json(result, limit)] if is_json else sum_as_table(result, limit)
    click.echo("\n".join(lines))
    if is_sound(result):
        sys.exit(0)
    is_wrong = result.errors_counts or result.count(Verdict.WRONG)
    sys.exit(1 if is_wrong else COULD_NOT_BE_CHECKED)


def reason_of(error: Exception) -> str:
    """Why it could not be checked, in a line, and what to do."""
    # the first line says it; libpq adds where, and hints
    reason = (str(error).strip() or repr(error)).splitlines()[0]
    # A session that asks nothing in that moment is ended, and may find no more than the end.
    is_lost = "server closed the connection" in str(error)
    if is_lost or "conflict with recovery" in str(error):
        had_to = "it was stopped, or, a replica, had to" if is_lost else "the replica had to"
        reason += (
            f": {had_to} go on. Run it again, or give it more time there"
            " (max_standby_streaming_delay, or hot_standby_feedback = on)"
        )
    return reason


def fail(reason: str) -> NoReturn:
    """Exit: it could not be checked."""
    click.echo(f"swpt_accounts: {reason}", err=True)
    sys.exit(COULD_NOT_BE_CHECKED)
