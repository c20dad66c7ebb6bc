"""The commands that take over a database of the reference, and give it back."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import click
import psycopg

from swpt_accounts.cli.options import fail, get_settings, quiet_option
from swpt_accounts.cli.progress import make_progress
from swpt_accounts.core.formatting import number, plural
from swpt_accounts.core.progress import Progress
from swpt_accounts.db.errors import one_line
from swpt_accounts.db.operator_session import OperatorSession, PreconditionFailed
from swpt_accounts.db.schema_discovery import KEPT_BOOKS, Owner, discover
from swpt_accounts.settings import Settings, SettingsError
from swpt_accounts.takeover.archive import ArchiveIncompleteError, copy_archive
from swpt_accounts.takeover.checks import MIB
from swpt_accounts.takeover.incompatibilities import HARMLESS, Kind
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
from swpt_accounts.takeover.schemas import open_takeover_session

_ROW: Final = "  {:<38} {:>20} {:>22} {:>22}"
_RETRY: Final = "Incomplete work was rolled back. Run the command again to start over or continue."

check_option = click.option(
    "--check",
    is_flag=True,
    help="Only report unfinished work. Exit with 0 if there is none, else with 1.",
)


@contextmanager
def _session(settings: Settings) -> Iterator[OperatorSession]:
    """Connect; exit with one line where it fails."""
    try:
        with open_takeover_session(settings) as session:
            yield session
    except (PreconditionFailed, SettingsError) as error:
        sys.exit(f"swpt_accounts: {error}\nNothing has changed.")
    except psycopg.Error as error:
        sys.exit(f"swpt_accounts: {one_line(error)}\n{_RETRY}")


@click.command("move_in")
@check_option
@click.option(
    "--dry-run",
    is_flag=True,
    help="Only run the checks, and report what would be done and how long it would take.",
)
@click.option(
    "--unless-moved",
    is_flag=True,
    help="Succeed if the database has already been taken over, and leave copying the archive to"
    " its scan. The `configure` command of the container does this.",
)
@click.option(
    "--drop-reference",
    is_flag=True,
    help="Drop the tables of the reference implementation, once the archive has been copied.",
)
@quiet_option
def move_in(
    *, check: bool, dry_run: bool, unless_moved: bool, drop_reference: bool, quiet: bool
) -> None:
    """Convert a database of the reference implementation in place."""
    settings = get_settings()
    with _session(settings) as session:
        if check:
            _exit_with_work(read_work_in_reference(session), "other programs")
        elif drop_reference:
            drop_kept_tables(session)
            click.echo("Dropped the tables of the reference implementation.")
        elif dry_run:
            _echo_lines(_move_in_survey_lines(survey_move_in(session, settings)))
        elif not (unless_moved and discover(session.connection).owner is Owner.OURS):
            progress = make_progress(is_quiet=quiet)
            _move_in(session, settings, progress, copies_archive=not unless_moved)


def _move_in(
    session: OperatorSession, settings: Settings, progress: Progress, *, copies_archive: bool
) -> None:
    moved = take_over(session, settings, progress)
    if moved is None:
        click.echo("The database has already been taken over.")
    else:
        click.echo(
            f"The database was taken over. Transfers were blocked for {moved.seconds:.1f} s."
        )
    _echo_lines(_proof_lines(read_proof(session)))
    if not copies_archive:
        return
    try:
        if copy_archive(session, settings, progress) is not None:
            click.echo("The archive was copied.")
    except ArchiveIncompleteError as error:
        fail(str(error))


@click.command("move_out")
@check_option
@click.option(
    "--dry-run",
    is_flag=True,
    help="Only run the checks, and report what would be done, what would be lost, and how long it"
    " would take.",
)
@click.option(
    "--make-room",
    is_flag=True,
    help="Only move the tables of this program to another schema, so that the reference"
    " implementation can create its own. Needed if the database has none of them.",
)
@click.option(
    "--accept-loss",
    is_flag=True,
    help="Proceed even if the reference implementation cannot store everything unchanged.",
)
@quiet_option
def move_out(
    *, check: bool, dry_run: bool, make_room: bool, accept_loss: bool, quiet: bool
) -> None:
    """Convert the database back for the reference implementation, in place."""
    with _session(get_settings()) as session:
        if check:
            _exit_with_work(read_work_in_books(session), "workers of this program")
        elif dry_run:
            _echo_lines(_move_out_survey_lines(survey_move_out(session)))
        elif make_room:
            _make_room(session)
        else:
            _move_out(session, make_progress(is_quiet=quiet), accept_loss=accept_loss)


def _move_out(session: OperatorSession, progress: Progress, *, accept_loss: bool) -> None:
    moved = give_back(session, progress, accept_loss=accept_loss)
    if moved is None:
        click.echo("The database has already been given back.")
    else:
        click.echo(
            "The database was given back: the tables of the reference implementation are in the"
            f" schema {moved.reference_schema!r}. Transfers were blocked for {moved.seconds:.1f} s."
        )
        _echo_lines(f"Lost: {loss}." for loss in moved.losses)
    _echo_lines(_proof_lines(read_proof(session, KEPT_BOOKS)))


def _make_room(session: OperatorSession) -> None:
    schema = move_books(session)
    click.echo(
        ("No room is needed." if schema is None else f"Made room in the schema {schema!r}.")
        + " Now run `configure` of the reference implementation, which creates its tables, and then"
        " `move_out`. Until then, this program continues to work."
    )


def _exit_with_work(found: WorkUnderWay, owner: str) -> None:
    """Write what is unfinished. `owner` says whose sessions were counted."""
    _echo_lines(
        f"{count:>12,}  rows in {table}" for table, count in found.rows_counts.items() if count
    )
    if found.sessions_count:
        click.echo(f"{found.sessions_count:>12,}  sessions of {owner}")
    if found.is_calm:
        click.echo("There is no unfinished work.")
    sys.exit(0 if found.is_calm else 1)


def _proof_lines(amounts: Sequence[Amount]) -> Iterator[str]:
    yield "Compared counts and sums:"
    yield _ROW.format("", "debtor", "before", "after").rstrip()
    for amount in amounts[:PROOFS_MAX]:
        debtor = "all" if amount.debtor_id is None else amount.debtor_id
        sums = ("-" if n is None else n for n in (amount.before_amount, amount.after_amount))
        yield _ROW.format(amount.subject, debtor, *sums)
    if len(amounts) > PROOFS_MAX:
        yield "  … (the table move_proof has all of them)"


def _move_in_survey_lines(survey: MoveInSurvey) -> Iterator[str]:
    yield f"{str(survey.found).capitalize()}. These rows would be taken over:"
    yield from _count_lines(survey.rows_counts)
    yield (
        f"Transfers would be blocked for about {survey.seconds_at_once:,.0f} s. Then, during normal"
        f" operation, the archive would be copied in about {survey.seconds_later:,.0f} s."
    )
    yield (
        f"The server needs {number(survey.bytes_at_once // MIB)} MiB of free disk space"
        f" immediately, and {number(survey.bytes_later // MIB)} MiB for the archive."
    )
    differences = [(n, DIFFERENCES[what]) for what, n in survey.differences.items() if n]
    yield "These differences would remain:" if differences else "No differences would remain."
    yield from _kind_lines(differences)


def _move_out_survey_lines(survey: MoveOutSurvey) -> Iterator[str]:
    yield (
        "These rows would be copied to the tables of the reference implementation in the schema"
        f" {survey.destination.reference!r}:"
    )
    yield from _count_lines(survey.rows_counts)
    yield (
        "During normal operation, the archive would be brought up to date in about"
        f" {survey.seconds_before:,.0f} s. Then transfers would be blocked for about"
        f" {survey.seconds_at_once:,.0f} s."
    )
    yield f"The server needs {number(survey.bytes_needed // MIB)} MiB of free disk space."
    yield (
        "This would be lost, and needs --accept-loss:"
        if survey.losses
        else "Nothing would be lost."
    )
    yield from (f"  {loss}." for loss in survey.losses)
    harmless = [(n, HARMLESS[kind]) for kind, n in survey.harmless.items() if n]
    if harmless:
        yield "This would be left behind without harm:"
    yield from _kind_lines(harmless)


def _count_lines(rows_counts: dict[str, int]) -> Iterator[str]:
    for table, count in rows_counts.items():
        if table != "alembic_version":
            yield f"  {count:>12,}  {table}"


def _kind_lines(kinds: Iterable[tuple[int, Kind]]) -> Iterator[str]:
    for count, (noun, rest) in kinds:
        yield f"  {plural(count, noun)} {rest}."


def _echo_lines(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)
