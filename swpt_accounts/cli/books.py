"""The commands that check the whole database of the shard."""

import logging
import sys
from pathlib import Path

import click
import psycopg

from swpt_accounts.audit.books import FINDINGS_MAX, CheckResult, check_books, open_books
from swpt_accounts.audit.checks import CheckSeverity
from swpt_accounts.audit.cross_shard import Verdict, add_up
from swpt_accounts.audit.exports import make_export, read_export, write_export
from swpt_accounts.audit.report import as_json, as_table, is_sound, sum_as_json, sum_as_table
from swpt_accounts.cli.options import fail, get_settings, url_option_of
from swpt_accounts.cli.progress import is_terminal, make_progress
from swpt_accounts.core.formatting import plural
from swpt_accounts.db.errors import one_line
from swpt_accounts.db.shard_content import find_foreign_record
from swpt_accounts.observability.events.progress import BOOKS_CHECK_OVER, PROGRESS_LOGGER
from swpt_accounts.settings import SettingsError

COULD_NOT_BE_CHECKED = 2

logger = logging.getLogger(PROGRESS_LOGGER)

database_url_option = url_option_of(
    "--database-url", meaning="URL of another database than that of the settings: a replica."
)
limit_option = click.option(
    "--limit",
    type=click.IntRange(1, 1_000_000),
    default=FINDINGS_MAX,
    show_default=True,
    help="Maximum number of findings to show for each check.",
)
json_option = click.option("--json", "is_json", is_flag=True, help="Write JSON, and no progress.")
quiet_option = click.option("--quiet", is_flag=True, help="Write findings only.")


@click.command("verify_shard_content")
@database_url_option
def verify_shard_content(database_url: str | None) -> None:
    """Check that every record belongs to this shard.

    Exit with 0 if it does, else with 1.
    """
    settings = get_settings(sqlalchemy_database_uri=database_url)
    try:
        finding = find_foreign_record(settings)
    except (psycopg.Error, SettingsError) as error:
        fail(one_line(error))
    if finding is not None:
        fail(finding)


@click.command("verify_books")
@database_url_option
@click.option(
    "--export",
    "export_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write the input of `add_up_books` to this file.",
)
@click.option(
    "--export-minutes",
    type=click.FloatRange(0, 10 * 365 * 24 * 60),
    default=15,
    show_default=True,
    help="How far back the export lists the changes received from other shards.",
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
    """Check the books of this shard.

    Exit with 0 if they are correct, with 1 if not, with 2 if they could not be checked.
    """
    settings = get_settings(sqlalchemy_database_uri=database_url)
    is_silent = quiet or is_json
    progress = make_progress(is_quiet=is_silent or not is_terminal())
    on_result = None if is_silent or is_terminal() else _log_result
    try:
        with open_books(settings) as snapshot:
            report = check_books(snapshot, count_max=limit, progress=progress, on_result=on_result)
            if export_path is not None:
                write_export(export_path, make_export(snapshot, report, export_minutes))
    except (psycopg.Error, SettingsError, OSError) as error:
        fail(reason_of(error), COULD_NOT_BE_CHECKED)
    if is_json:
        click.echo(as_json(report))
    elif not quiet or report.findings:
        click.echo("\n".join(as_table(report)))
    sys.exit(1 if report.count(CheckSeverity.ERROR) else 0)


def _log_result(result: CheckResult) -> None:
    outcome = plural(result.findings_count, "finding") if result.is_made else "not checked"
    BOOKS_CHECK_OVER.log(logger, check=result.code, outcome=outcome, seconds=result.seconds)


@click.command("add_up_books")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@limit_option
@json_option
def add_up_books(files: tuple[Path, ...], limit: int, is_json: bool) -> None:
    """Reconcile the exported books of all shards.

    Exit with 0 if they add up, with 1 if not, with 2 if that could not be proved.
    """
    try:
        result = add_up([read_export(path) for path in files])
    except (OSError, ValueError) as error:
        fail(reason_of(error), COULD_NOT_BE_CHECKED)
    lines = [sum_as_json(result, limit)] if is_json else sum_as_table(result, limit)
    click.echo("\n".join(lines))
    if is_sound(result):
        sys.exit(0)
    is_wrong = result.errors_counts or result.count(Verdict.WRONG)
    sys.exit(1 if is_wrong else COULD_NOT_BE_CHECKED)


def reason_of(error: Exception) -> str:
    """Why the books could not be checked, in one line, and what to do."""
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}"
    # the first line has the reason; libpq adds the address, and hints
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    # a session that is idle when it is terminated may see only the closed connection
    is_lost = "server closed the connection" in str(error)
    if is_lost or "conflict with recovery" in str(error):
        cause = "the server stopped, or a" if is_lost else "the"
        reason += (
            f": {cause} replica could not delay recovery any longer. Run the command again, or"
            " increase max_standby_streaming_delay, or set hot_standby_feedback = on"
        )
    return reason
