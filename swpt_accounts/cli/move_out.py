"""The command that gives a database back to the reference."""

import sys

import click
import psycopg

from swpt_accounts.cli.move_in import REPEAT, reason_of, shown, tell_proof, tell_under_way
from swpt_accounts.cli.options import get_settings
from swpt_accounts.core.progress import Progress
from swpt_accounts.db.operator_session import (
    OperatorSession,
    PreconditionFailed,
    open_operator_session,
)
from swpt_accounts.db.schema_discovery import KEPT_BOOKS
from swpt_accounts.settings import SettingsError
from swpt_accounts.takeover.disk_space import MIB
from swpt_accounts.takeover.incompatibilities import HARMLESS
from swpt_accounts.takeover.move_out import move_out as give_back
from swpt_accounts.takeover.preflight_out import (
    SurveyOut,
    look_what_is_under_way_here,
    survey_out,
)
from swpt_accounts.takeover.proof import read_proof
from swpt_accounts.takeover.schema_relocation import make_room as move_books


@click.command("move_out")
@click.option(
    "--check", is_flag=True, help="Only tell what is under way: exit with 0 if nothing is, else 1."
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Only check, and tell what would be done, what would be lost, and how long it takes.",
)
@click.option(
    "--make-room",
    is_flag=True,
    help="Only move the tables of this program aside, so that the reference can make its own: for"
    " a database that has none of it.",
)
@click.option(
    "--accept-loss",
    is_flag=True,
    help="Do it although the reference cannot hold everything as it is.",
)
@click.option("--quiet", is_flag=True, help="Show no progress.")
def move_out(
    *, check: bool, dry_run: bool, make_room: bool, accept_loss: bool, quiet: bool
) -> None:
    """Give the database back to the reference, in place."""
    settings = get_settings()
    try:
        with open_operator_session(settings) as session:
            if check:
                under_way = look_what_is_under_way_here(session)
                tell_under_way(under_way, "workers of this program")
                sys.exit(0 if under_way.is_calm else 1)
            elif dry_run:
                _tell_survey(survey_out(session))
            elif make_room:
                _make_room(session)
            else:
                _move_out(session, shown(is_quiet=quiet), accept_loss=accept_loss)
    except (PreconditionFailed, SettingsError) as error:
        sys.exit(f"swpt_accounts: {error}\nNothing has changed.")
    except psycopg.Error as error:
        sys.exit(f"swpt_accounts: {reason_of(error)}\n{REPEAT}")


def _move_out(session: OperatorSession, progress: Progress, *, accept_loss: bool) -> None:
    moved = give_back(session, progress, accept_loss=accept_loss)
    if moved is None:
        click.echo("The database has been given back before.")
    else:
        click.echo(
            f"The database is the reference's: its tables are in the schema"
            f" {moved.reference_schema!r}. No transfer was possible for {moved.seconds:.1f} s."
        )
        for loss in moved.losses:
            click.echo(f"Lost: {loss}.")
    tell_proof(read_proof(session, KEPT_BOOKS))


def _make_room(session: OperatorSession) -> None:
    schema = move_books(session)
    where = "There was room before." if schema is None else f"There is room in {schema!r}."
    click.echo(
        f"{where} Now run `configure` of the reference, which makes its tables, and then"
        " `move_out`. Until then this program goes on as before."
    )


def _tell_survey(made: SurveyOut) -> None:
    click.echo(f"The tables of the reference in {made.destination.reference!r} would be filled:")
    for table, count in made.rows_counts.items():
        click.echo(f"  {count:>12,}  {table}")
    click.echo(
        f"Beside the work, the archive would be brought up to date in about"
        f" {made.seconds_before:,.0f} s; then no transfer would be possible for about"
        f" {made.seconds_at_once:,.0f} s."
    )
    click.echo(f"On the disk of the server, {made.bytes_needed // MIB:,} MiB are needed.")
    click.echo(
        "What would be lost, which needs --accept-loss:"
        if made.losses
        else "Nothing would be lost."
    )
    for loss in made.losses:
        click.echo(f"  {loss}.")
    harmless = [(count, HARMLESS[kind]) for kind, count in made.harmless.items() if count]
    if harmless:
        click.echo("What would be left behind, and does no harm:")
    for count, text in harmless:
        click.echo(f"  {count:,} {text}.")
