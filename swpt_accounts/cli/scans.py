"""The commands that scan other tables than that of the accounts."""

import click

from swpt_accounts.cli.options import get_settings, quit_early_option
from swpt_accounts.scans.transfers import PreparedTransfersScan, RegisteredBalanceChangesScan
from swpt_accounts.workers.runner import run_workers

days_option = click.option(
    "-d", "--days", type=click.FloatRange(0, min_open=True), help="Duration of a pass, in days."
)


@click.command("scan_prepared_transfers")
@days_option
@quit_early_option
def scan_prepared_transfers(days: float | None, quit_early: bool) -> None:
    """Scan the prepared transfers repeatedly."""
    settings = get_settings(app_prepared_transfers_scan_days=days)
    run_workers(lambda shutdown: [PreparedTransfersScan(settings, shutdown, quit_early=quit_early)])


@click.command("scan_registered_balance_changes")
@days_option
@quit_early_option
def scan_registered_balance_changes(days: float | None, quit_early: bool) -> None:
    """Scan the archive of balance changes repeatedly."""
    settings = get_settings(app_registered_balance_changes_scan_days=days)
    run_workers(
        lambda shutdown: [RegisteredBalanceChangesScan(settings, shutdown, quit_early=quit_early)]
    )
