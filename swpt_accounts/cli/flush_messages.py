"""The command that sends outgoing messages."""

import click

from swpt_accounts.cli.options import (
    get_settings,
    processes_option,
    quit_early_option,
    wait_option,
)
from swpt_accounts.outbox.tables import OUTBOX_NAMES
from swpt_accounts.outbox.worker import FlushWorker
from swpt_accounts.workers.runner import run_workers
from swpt_accounts.workers.setting_warnings import warn_of_slow_settings
from swpt_accounts.workers.shutdown import ShutdownEvent


@click.command("flush_messages")
@click.argument("types", nargs=-1, type=click.Choice(OUTBOX_NAMES))
@processes_option
@wait_option
@quit_early_option
def flush_messages(
    types: tuple[str, ...], processes: int | None, wait: float | None, quit_early: bool
) -> None:
    """Send outgoing messages of the given TYPES; without TYPES, all of them."""
    settings = get_settings(flush_processes=processes, flush_period=wait)

    warn_of_slow_settings(settings, "app_flush_")

    def make_workers(shutdown: ShutdownEvent) -> list[FlushWorker]:
        return [FlushWorker(settings, shutdown, types or OUTBOX_NAMES, quit_early=quit_early)]

    run_workers(make_workers, processes_count=settings.flush_processes)
