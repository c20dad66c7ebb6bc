"""The command that shows the state of the shard, and any problems."""

import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

import click
import msgspec

from swpt_accounts.cli.options import get_settings
from swpt_accounts.inspection.status.health_rules import (
    HealthFinding,
    find_problems,
    problems_count,
)
from swpt_accounts.inspection.status.model import DatabaseState, ShardStatus
from swpt_accounts.inspection.status.reader import StatusReader
from swpt_accounts.observability.worker_names import worker_of
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
    shutdown = ShutdownEvent()
    shutdown.on_signals()
    with StatusReader(get_settings()) as reader:
        if is_watching:
            _watch(
                reader, shutdown, max(seconds or WATCH_SECONDS, WATCH_SECONDS_MIN), is_json=is_json
            )
            return
        shard_status = reader.read()
        if seconds and not shutdown.wait(seconds):
            shard_status = reader.read()
    found = find_problems(shard_status)
    _shower(is_json=is_json)(shard_status, found)
    sys.exit(exit_code(shard_status, found))


def exit_code(shard_status: ShardStatus, found: list[HealthFinding]) -> int:
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


def _watch(reader: StatusReader, shutdown: ShutdownEvent, seconds: float, *, is_json: bool) -> None:
    if is_json or not sys.stdout.isatty():
        show = _shower(is_json=is_json)
        while not shutdown.is_requested():
            shard_status = reader.read()
            show(shard_status, find_problems(shard_status))
            shutdown.wait(seconds)
        return
    from swpt_accounts.inspection.status.screen import StatusScreen

    with StatusScreen().live() as show:
        while not shutdown.is_requested():
            shard_status = reader.read()
            show(shard_status, find_problems(shard_status))
            shutdown.wait(seconds)


def as_json(status: ShardStatus, findings: Sequence[HealthFinding]) -> str:
    """One object, in one line."""
    queues = (status.incoming, status.chores, status.dead_letters)
    database = status.database
    members: dict[str, Any] = {
        "shard": status.shard,
        "seconds": round(status.seconds, 3),
        "findings": findings,
        "servers": status.servers,
        "queues": queues,
        "peer_queues": status.peer_queues,
        "workers": status.workers,
        "open_dead_letters_count": status.open_letters_count,
        "open_money_letters_count": status.open_money_letters_count,
        "database": None if database is None else _database(database, status),
    }
    return msgspec.json.encode(members).decode()


def _database(database: DatabaseState, status: ShardStatus) -> dict[str, Any]:
    return {
        "taken_at": database.taken_at,
        "is_replica": database.is_replica,
        "tables": [
            {
                "name": row.table_name,
                "rows_count": row.rows_count,
                "is_estimate": row.is_estimate,
                "oldest_seconds": row.age_seconds,
                "worker": worker_of(row.table_name),
                "rates": status.rates.get(row.table_name),
            }
            for row in database.backlog
        ],
        "workers": database.workers,
        "long_transactions": database.long_transactions,
        "returned_lines_count": database.returned_lines_count,
        "returned_lines": database.returned_lines,
        "accounts_sample": database.accounts,
        "scans": database.scans,
        "older_senders": database.older_senders,
    }
