"""The commands that scan tables."""

import click

from swpt_accounts.cli.options import get_settings, quit_early_option
from swpt_accounts.scans.accounts import AccountsScan
from swpt_accounts.scans.prepared_transfers import PreparedTransfersScan
from swpt_accounts.scans.prompt_updates import PromptUpdatesWorker
from swpt_accounts.scans.registered_balance_changes import RegisteredBalanceChangesScan
from swpt_accounts.workers.runner import Worker, run_workers
from swpt_accounts.workers.shutdown import ShutdownEvent

days_option = click.option(
    "-d", "--days", type=click.FloatRange(0, min_open=True), help="The days that a pass takes."
)


@click.command("scan_prepared_transfers")
@days_option
@quit_early_option
def scan_prepared_transfers(days: float | None, quit_early: bool) -> None:
    """Scan the prepared transfers, again and again."""
    settings = get_settings(app_prepared_transfers_scan_days=days)
    run_workers(
        lambda stop: [
            PreparedTransfersScan(
                settings,
                stop,
                days=settings.app_prepared_transfers_scan_days,
                quit_early=quit_early,
            )
        ]
    )


@click.command("scan_registered_balance_changes")
@days_option
@quit_early_option
def scan_registered_balance_changes(days: float | None, quit_early: bool) -> None:
    """Scan the archive of balance changes, again and again."""
    settings = get_settings(app_registered_balance_changes_scan_days=days)
    run_workers(
        lambda stop: [
            RegisteredBalanceChangesScan(
                settings,
                stop,
                days=settings.app_registered_balance_changes_scan_days,
                quit_early=quit_early,
            )
        ]
    )


@click.command("scan_accounts")
@click.option(
    "-h", "--hours", type=click.FloatRange(0, min_open=True), help="The hours that a pass takes."
)
@quit_early_option
def scan_accounts(hours: float | None, quit_early: bool) -> None:
    """Scan the accounts, again and again."""
    settings = get_settings(app_accounts_scan_hours=hours)

    def make_workers(stop: ShutdownEvent) -> list[Worker]:
        workers: list[Worker] = [
            AccountsScan(
                settings, stop, hours=settings.app_accounts_scan_hours, quit_early=quit_early
            )
        ]
        if settings.app_prompt_account_updates:
            workers.append(PromptUpdatesWorker(settings, stop, quit_early=quit_early))
        return workers

    run_workers(make_workers)
