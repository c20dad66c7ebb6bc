"""The commands that split a shard, or move it to another server."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, Final

import click
import psycopg
from pika.exceptions import AMQPError

from swpt_accounts.broker.topology import TopologyError
from swpt_accounts.cli.options import get_settings
from swpt_accounts.cli.takeover import reason_of, shown
from swpt_accounts.db.operator_session import PreconditionFailed
from swpt_accounts.settings import SettingsError
from swpt_accounts.sharding.children import Family, read_family
from swpt_accounts.sharding.cutover import switch
from swpt_accounts.sharding.finish import finish
from swpt_accounts.sharding.preflight import survey
from swpt_accounts.sharding.preparation import prepare
from swpt_accounts.sharding.queue_cutover import QueueCutover
from swpt_accounts.sharding.rollback import undo
from swpt_accounts.sharding.sessions import Sessions, open_sessions, read_noted, refuse_others
from swpt_accounts.sharding.status import SplitStatus, read_status
from swpt_accounts.takeover.checks import MIB

_AGAIN: Final = "Run it again: it goes on where it was."

child_option = click.option(
    "--child",
    "files",
    multiple=True,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The file with the settings of a child: twice for a split, once for a move.",
)
quiet_option = click.option("--quiet", is_flag=True, help="Show no progress.")


@click.group("shards")
def shards() -> None:
    """Split a shard into two while it works, or move it to another server."""


def _with_sessions(command: Callable[..., None]) -> Callable[..., None]:
    """Open the sessions with all databases, and say in a line what has failed."""

    @child_option
    @wraps(command)
    def wrapped(files: tuple[Path, ...], **options: Any) -> None:
        with _errors_told():
            family = read_family(os.environ, get_settings(), files)
            with open_sessions(family) as sessions:
                command(sessions, **options)

    return wrapped


@contextmanager
def _errors_told() -> Iterator[None]:
    try:
        yield
    except (PreconditionFailed, SettingsError, TopologyError) as error:
        sys.exit(f"swpt_accounts: {error}")
    except psycopg.Error as error:
        sys.exit(f"swpt_accounts: the database: {reason_of(error)}\n{_AGAIN}")
    except AMQPError as error:
        sys.exit(f"swpt_accounts: the broker: {str(error) or repr(error)}\n{_AGAIN}")


@shards.command("plan")
@_with_sessions
def plan_command(sessions: Sessions) -> None:
    """Check everything, and tell what would be done. Nothing is changed."""
    noted = read_noted(sessions.parent)
    if noted is not None:
        refuse_others(sessions, noted)
        click.echo(f"This split was begun at {noted.began_at:%Y-%m-%d %H:%M}; it is {noted.step}.")
        return
    found = survey(sessions)
    family = sessions.family
    queue = QueueCutover(family).counts()
    if queue is None:
        raise PreconditionFailed(
            f"the parent has no queue {family.parent.protocol_broker_queue!r}: is it the right"
            " broker?"
        )
    for line in _planned(family, found.accounts_count, found.bytes_count // MIB):
        click.echo(line)


def _planned(family: Family, accounts: int, mebibytes: int) -> Iterator[str]:
    parent = family.parent
    yield (
        f"The shard {parent.realm} with the queue {parent.protocol_broker_queue!r} has about"
        f" {accounts:,} accounts; its tables have {mebibytes:,} MiB."
    )
    yield "prepare: replicates, while it works,"
    for child in family.children:
        yield f"  the accounts of {child.realm} into the database of {child.file}"
    if family.is_split:
        yield "  and declares the queues " + ", ".join(repr(c.queue) for c in family.children)
        yield "switch: messages go to these queues; the parent empties its own, and hands over"
    else:
        yield "switch: the parent leaves its queue to the child, and hands over"
    yield "finish: proves that each account is where it belongs, and removes what is left over"


@shards.command("prepare")
@click.option(
    "--parent-url",
    help="The address of the parent's database as the children's servers find it; else that of"
    " the settings.",
)
@quiet_option
@_with_sessions
def prepare_command(sessions: Sessions, parent_url: str | None, *, quiet: bool) -> None:
    """Make queues and databases of the children ready, while the parent works."""
    address = parent_url or sessions.family.parent.postgres_dsn
    prepare(sessions, address.replace("+psycopg", "", 1), shown(is_quiet=quiet))
    click.echo("The children are ready. Start their services: they wait for `shards switch`.")


@shards.command("switch")
@quiet_option
@_with_sessions
def switch_command(sessions: Sessions, *, quiet: bool) -> None:
    """Let the children take over."""

    def told(what: str, seconds: float) -> None:
        if not quiet:
            click.echo(f"{seconds:7.2f} s  {what}", err=True)

    switch(sessions, shown(is_quiet=True), told)
    click.echo(
        "The children have taken over. Stop the services of the parent, then run `shards finish`."
    )


@shards.command("finish")
@_with_sessions
def finish_command(sessions: Sessions) -> None:
    """Prove that each record is where it belongs, and remove what is left over."""
    finish(sessions)
    click.echo("The split is finished. The database of the parent is not needed any more.")


@shards.command("undo")
@_with_sessions
def undo_command(sessions: Sessions) -> None:
    """Take back what was prepared. After `switch` has begun, that is refused."""
    undo(sessions)
    click.echo("All is as it was before.")


@shards.command("status")
@_with_sessions
def status_command(sessions: Sessions) -> None:
    """Tell how far it is."""
    noted = read_noted(sessions.parent)
    if noted is None:
        click.echo("No split of this shard has begun.")
        return
    refuse_others(sessions, noted)
    for line in _lines(read_status(sessions)):
        click.echo(line)


def _lines(state: SplitStatus) -> Iterator[str]:
    yield f"{state.noted.step}, begun at {state.noted.began_at:%Y-%m-%d %H:%M:%S}"
    if state.noted.interrupted_seconds is not None:
        yield f"the switch took {state.noted.interrupted_seconds:.1f} s"
    for queue, counts in state.queues.items():
        told = "is not there" if counts is None else f"has {counts.ready} messages"
        yield f"the queue {queue!r} {told}"
    for child in state.children:
        yield (
            f"{child.name}: {'works' if child.is_opened else 'waits'};"
            f" {child.ready_count} of {child.tables_count} tables are copied;"
            f" {child.kept_bytes // MIB:,} MiB are kept for it"
        )
    for realm, subject, amount in state.proof:
        yield f"proved for {realm}: {subject} {amount}"
