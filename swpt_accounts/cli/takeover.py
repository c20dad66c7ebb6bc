"""The commands that take over a database of the reference, and give it back."""

import logging
import sys
from collections.abc import Sequence
from time import monotonic
from typing import Any, Final

import click
import psycopg

from swpt_accounts.cli.options import get_settings
from swpt_accounts.core.progress import NoProgress, Progress
from swpt_accounts.db.operator_session import (
    OperatorSession,
    PreconditionFailed,
    open_operator_session,
)
from swpt_accounts.db.schema_discovery import KEPT_BOOKS, Owner, discover
from swpt_accounts.observability.events.progress import (
    MOVE_PART_BEGINS,
    MOVE_PART_OVER,
    PROGRESS_LOGGER,
)
from swpt_accounts.settings import Settings, SettingsError
from swpt_accounts.takeover.archive import ArchiveIncompleteError, copy_archive
from swpt_accounts.takeover.checks import MIB
from swpt_accounts.takeover.incompatibilities import HARMLESS
from swpt_accounts.takeover.move_in import drop_reference as drop_kept_tables
from swpt_accounts.takeover.move_in import move_in as take_over
from swpt_accounts.takeover.move_out import move_out as give_back
from swpt_accounts.takeover.preflight import (
    DIFFERENCES,
    MoveInSurvey,
    MoveOutSurvey,
    WorkUnderWay,
    read_work_in_books,
    read_work_in_reference,
    survey_move_in,
    survey_move_out,
)
from swpt_accounts.takeover.reconciliation import PROOFS_MAX, Amount, read_proof
from swpt_accounts.takeover.schemas import make_room as move_books

logger = logging.getLogger(PROGRESS_LOGGER)

_ROW: Final = "  {:<38} {:>20} {:>22} {:>22}"
REPEAT: Final = "What was not finished is undone. Run it again: it begins anew, or goes on."


class _Lines:
    """Two lines of the log for each part."""

    def __init__(self) -> None:
        self._part = ""
        self._began_at = 0.0

    def begin(self, what: str, total: int) -> None:
        """Say what comes."""
        self._began_at = monotonic()
        self._part = what
        MOVE_PART_BEGINS.log(logger, total_count=total, part=what)

    def note(self, done: int) -> None:
        """Say nothing."""

    def end(self) -> None:
        """Say how long it took."""
        MOVE_PART_OVER.log(logger, part=self._part, seconds=monotonic() - self._began_at)


class _Bar:
    """A bar for each part, on standard error."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._done = 0

    def begin(self, what: str, total: int) -> None:
        """Draw the empty bar."""
        self._done = 0
        self._bar = click.progressbar(length=max(total, 1), label=what, file=sys.stderr)
        self._bar.__enter__()

    def note(self, done: int) -> None:
        """Let it grow."""
        self._bar.update(done - self._done)
        self._done = done

    def end(self) -> None:
        """Finish it."""
        self._bar.finish()
        self._bar.__exit__(None, None, None)


def shown(*, is_quiet: bool) -> Progress:
    """What fits standard error."""
    if is_quiet:
        return NoProgress()
    return _Bar() if sys.stderr.isatty() else _Lines()


def tell_proof(amounts: Sequence[Amount]) -> None:
    """Print the proof: what was counted and added up."""
    click.echo("What was counted and added up:")
    click.echo(_ROW.format("", "debtor", "before", "after").rstrip())
    for amount in amounts[:PROOFS_MAX]:
        debtor = "all" if amount.debtor_id is None else amount.debtor_id
        sums = ("-" if n is None else n for n in (amount.before_amount, amount.after_amount))
        click.echo(_ROW.format(amount.subject, debtor, *sums))
    if len(amounts) > PROOFS_MAX:
        click.echo("  … (all of them are in the table move_proof)")


def tell_move_in_survey(made: MoveInSurvey) -> None:
    """Print what would be done."""
    click.echo(f"{str(made.found).capitalize()}. They would be taken over:")
    for table, count in made.rows_counts.items():
        if table != "alembic_version":
            click.echo(f"  {count:>12,}  {table}")
    click.echo(
        f"No transfer would be possible for about {made.seconds_at_once:,.0f} s; then, beside the"
        f" work, the archive would be copied in about {made.seconds_later:,.0f} s."
    )
    click.echo(
        f"On the disk of the server, {made.bytes_at_once // MIB:,} MiB are needed at once, and"
        f" {made.bytes_later // MIB:,} MiB for the archive."
    )
    differences = [(n, DIFFERENCES[what]) for what, n in made.differences.items() if n]
    click.echo("What would be different afterwards:" if differences else "Nothing would differ.")
    for count, text in differences:
        click.echo(f"  {count:,} {text}.")


def tell_under_way(found: WorkUnderWay, sessions: str) -> None:
    """Print what has not come to its end. `sessions` says whose sessions were counted."""
    for table, count in found.rows_counts.items():
        if count:
            click.echo(f"{count:>12,}  rows of {table}")
    if found.sessions_count:
        click.echo(f"{found.sessions_count:>12,}  sessions of {sessions}")
    if found.is_calm:
        click.echo("Nothing is under way.")


@click.command("move_in")
@click.option(
    "--check", is_flag=True, help="Only tell what is under way: exit with 0 if nothing is, else 1."
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Only check, and tell what would be done, and how long it takes.",
)
@click.option(
    "--unless-moved",
    is_flag=True,
    help="Succeed where the database is this program's already, and leave the archive to its scan."
    " So `configure` does it.",
)
@click.option(
    "--drop-reference",
    is_flag=True,
    help="Drop the tables that the reference has left, when the archive is copied.",
)
@click.option("--quiet", is_flag=True, help="Show no progress.")
def move_in(
    *, check: bool, dry_run: bool, unless_moved: bool, drop_reference: bool, quiet: bool
) -> None:
    """Take over a database of the reference, in place."""
    settings = get_settings()
    try:
        with open_operator_session(settings) as session:
            if check:
                under_way = read_work_in_reference(session)
                tell_under_way(under_way, "other programs")
                sys.exit(0 if under_way.is_calm else 1)
            if drop_reference:
                drop_kept_tables(session)
                click.echo("The tables of the reference are dropped.")
                return
            if dry_run:
                tell_move_in_survey(survey_move_in(session, settings))
                return
            _move_in(session, settings, shown(is_quiet=quiet), unless_moved=unless_moved)
    except (PreconditionFailed, SettingsError) as error:
        sys.exit(f"swpt_accounts: {error}\nNothing has changed.")
    except psycopg.Error as error:
        sys.exit(f"swpt_accounts: {reason_of(error)}\n{REPEAT}")


def _move_in(
    session: OperatorSession, settings: Settings, progress: Progress, *, unless_moved: bool
) -> None:
    if unless_moved and discover(session.connection).owner is Owner.OURS:
        return
    moved = take_over(session, settings, progress)
    if moved is None:
        click.echo("The database has been taken over before.")
    else:
        click.echo(
            f"The database is taken over. No transfer was possible for {moved.seconds:.1f} s."
        )
    tell_proof(read_proof(session))
    if unless_moved:
        return
    try:
        if copy_archive(session, settings, progress) is not None:
            click.echo("The archive is copied.")
    except ArchiveIncompleteError as error:
        sys.exit(f"swpt_accounts: {error}")


def reason_of(error: psycopg.Error) -> str:
    """What the server, or the connection, has to say, in a line."""
    return " ".join(str(error).split()) or repr(error)


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
                under_way = read_work_in_books(session)
                tell_under_way(under_way, "workers of this program")
                sys.exit(0 if under_way.is_calm else 1)
            elif dry_run:
                tell_move_out_survey(survey_move_out(session))
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


def tell_move_out_survey(made: MoveOutSurvey) -> None:
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
