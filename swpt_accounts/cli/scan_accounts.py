"""The command that scans the accounts, and sends prompt AccountUpdates.

It is a module of its own, because it needs the parser of root configurations.
"""

import click

from swpt_accounts.cli.options import get_settings, quit_early_option
from swpt_accounts.scans.accounts import AccountsScan, PromptUpdatesWorker
from swpt_accounts.workers.runner import Worker, run_workers
from swpt_accounts.workers.shutdown import ShutdownEvent


@click.command("scan_accounts")
@click.option(
    "-h", "--hours", type=click.FloatRange(0, min_open=True), help="Duration of a pass, in hours."
)
@quit_early_option
def scan_accounts(hours: float | None, quit_early: bool) -> None:
    """Scan the accounts repeatedly."""
    settings = get_settings(app_accounts_scan_hours=hours)

    def make_workers(shutdown: ShutdownEvent) -> list[Worker]:
        workers: list[Worker] = [AccountsScan(settings, shutdown, quit_early=quit_early)]
        if settings.app_prompt_account_updates:
            workers.append(PromptUpdatesWorker(settings, shutdown, quit_early=quit_early))
        return workers

    run_workers(make_workers)
