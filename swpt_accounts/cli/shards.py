"""The commands that split a shard, or move it to another server."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, Final

import click
import psycopg
from pika.exceptions import AMQPError

from swpt_accounts.broker.connections import describe
from swpt_accounts.broker.topology import TopologyError
from swpt_accounts.cli.options import fail, get_settings, quiet_option
from swpt_accounts.cli.progress import make_progress
from swpt_accounts.core.formatting import number, plural
from swpt_accounts.db.operator_session import PreconditionFailed
from swpt_accounts.settings import SettingsError
from swpt_accounts.sharding.children import Family, read_family
from swpt_accounts.sharding.cutover import switch
from swpt_accounts.sharding.finish import finish
from swpt_accounts.sharding.preflight import survey
from swpt_accounts.sharding.preparation import prepare
from swpt_accounts.sharding.queue_cutover import QueueCutover
from swpt_accounts.sharding.rollback import restore, undo
from swpt_accounts.sharding.sessions import (
    OPENING,
    SWITCHING,
    Sessions,
    open_parent_sessions,
    open_sessions,
    read_noted,
    refuse_others,
    without_others,
)
from swpt_accounts.sharding.status import SplitStatus, read_status
from swpt_accounts.takeover.checks import MIB

_RETRY: Final = "Run the command again: it continues where it stopped."

child_option = click.option(
    "--child",
    "files",
    multiple=True,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the settings of a child: given twice for a split, once for a move.",
)


@click.group("shards")
def shards() -> None:
    """Split a shard in two while it works, or move it to another server."""


def _with_family(command: Callable[..., None]) -> Callable[..., None]:
    """Read the settings of parent and children, and report errors in one line."""

    @child_option
    @wraps(command)
    def wrapped(files: tuple[Path, ...], **options: Any) -> None:
        with _reported_errors():
            command(read_family(os.environ, get_settings(), files), **options)

    return wrapped


def _with_sessions(command: Callable[..., None]) -> Callable[..., None]:
    """Connect to all databases, too."""

    @_with_family
    @wraps(command)
    def wrapped(family: Family, **options: Any) -> None:
        with open_sessions(family) as sessions:
            command(sessions, **options)

    return wrapped


@contextmanager
def _reported_errors() -> Iterator[None]:
    try:
        yield
    except (PreconditionFailed, SettingsError, TopologyError) as error:
        fail(str(error))
    except (psycopg.Error, AMQPError) as error:
        fail(f"{describe(error)}\n{_RETRY}")


@shards.command("plan")
@_with_sessions
def plan_command(sessions: Sessions) -> None:
    """Run all checks, and report what would be done. Changes nothing."""
    noted = read_noted(sessions.parent)
    if noted is not None:
        refuse_others(sessions, noted)
        click.echo(f"This split began at {noted.began_at:%Y-%m-%d %H:%M}; it is {noted.step}.")
        return
    found = survey(sessions)
    family = sessions.family
    queue = QueueCutover(family).counts()
    if queue is None:
        raise PreconditionFailed(
            f"the parent's queue {family.parent.protocol_broker_queue!r} does not exist: check"
            " PROTOCOL_BROKER_URL"
        )
    for line in _plan_lines(family, found.accounts_count, found.bytes_count // MIB):
        click.echo(line)
    _warn(found.warnings)


def _warn(warnings: list[str]) -> None:
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)


def _plan_lines(family: Family, accounts: int, mebibytes: int) -> Iterator[str]:
    parent = family.parent
    yield (
        f"The shard {parent.realm} with the queue {parent.protocol_broker_queue!r} has about"
        f" {plural(accounts, 'account')}; its tables have {number(mebibytes)} MiB."
    )
    yield "prepare: replicates, during normal operation,"
    for child in family.children:
        yield f"  the accounts of {child.realm} to the database of {child.file}"
    if family.is_split:
        yield "  and declares the queues " + ", ".join(repr(c.queue) for c in family.children)
        yield "switch: routes messages to these queues; the parent drains its own, and hands over"
    else:
        yield "switch: the parent leaves its queue to the child, and hands over"
    yield "finish: checks that each account is in its own shard, and removes what is left over"


@shards.command("prepare")
@click.option(
    "--parent-url",
    help="URL of the parent's database as seen by the children's servers. The default is that of"
    " the settings.",
)
@quiet_option
@_with_sessions
def prepare_command(sessions: Sessions, parent_url: str | None, *, quiet: bool) -> None:
    """Prepare queues and databases of the children, while the parent works."""
    address = parent_url or sessions.family.parent.postgres_dsn
    _warn(prepare(sessions, address.replace("+psycopg", "", 1), make_progress(is_quiet=quiet)))
    click.echo("The children are ready. Start their services: they wait for `shards switch`.")


@shards.command("switch")
@click.option(
    "--seconds-max",
    type=click.FloatRange(min=1.0),
    default=120.0,
    show_default=True,
    help="How long messages may wait. If the children do not work then, all is as before.",
)
@quiet_option
@_with_family
def switch_command(family: Family, seconds_max: float, *, quiet: bool) -> None:
    """Let the children take over; if that fails, restore what was before."""

    def report(what: str, seconds: float) -> None:
        if not quiet:
            click.echo(f"{seconds:7.2f} s  {what}", err=True)

    try:
        with open_sessions(family) as sessions:
            switch(sessions, seconds_max, report)
    except (PreconditionFailed, TopologyError, psycopg.Error, AMQPError) as error:
        text = str(error) if isinstance(error, PreconditionFailed) else describe(error)
        fail("\n".join(filter(None, (text, restore(family)))))
    except KeyboardInterrupt:
        fail("\n".join(filter(None, ("interrupted", restore(family)))))
    click.echo(
        "The children have taken over. Stop the services of the parent, then run `shards finish`."
    )


@shards.command("finish")
@_with_sessions
def finish_command(sessions: Sessions) -> None:
    """Check that each record is in its own shard, and remove what is left over."""
    finish(sessions)
    click.echo("The split is finished. The database of the parent is no longer needed.")


@shards.command("undo")
@_with_family
def undo_command(family: Family) -> None:
    """Undo `prepare`, and a `switch` in which no child has begun. Needs the parent only."""
    with open_parent_sessions(family) as sessions:
        _warn(undo(sessions))
    click.echo(
        "The split was undone. The databases of the children stay closed: drop them, or run `shards"
        " prepare` again."
    )


@shards.command("status")
@_with_family
def status_command(family: Family) -> None:
    """Show the progress of the split, also while a child cannot be reached."""
    with open_parent_sessions(family) as sessions:
        noted = read_noted(sessions.parent)
        if noted is None:
            click.echo("No split of this shard has begun.")
            return
        sessions = without_others(sessions)
        refuse_others(sessions, noted)
        for line in _status_lines(read_status(sessions)):
            click.echo(line)


def _status_lines(status: SplitStatus) -> Iterator[str]:
    yield f"{status.noted.step}, begun at {status.noted.began_at:%Y-%m-%d %H:%M:%S}"
    if status.noted.step in (SWITCHING, OPENING):
        yield (
            "`shards switch` was interrupted, or runs: run it again, and it goes on; or `shards"
            " undo`, as long as no child works"
        )
    if status.noted.interrupted_seconds is not None:
        yield f"the switch took {status.noted.interrupted_seconds:.1f} s"
    for queue, counts in status.queues.items():
        found = "does not exist" if counts is None else f"has {plural(counts.ready, 'message')}"
        yield f"the queue {queue!r} {found}"
    for child in status.children:
        yield (
            f"{child.name}: {child.state}; {number(child.kept_bytes // MIB)} MiB of WAL retained"
            " for it"
        )
    for realm, subject, amount in status.proof:
        yield f"verified for {realm}: {subject} {amount}"
