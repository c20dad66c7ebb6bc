"""Commands that scan tables."""

import click

from swpt_accounts.cli.group import get_settings, quit_early_option, swpt_accounts
from swpt_accounts.scans.accounts import AccountsScan
from swpt_accounts.scans.other import PreparedTransfersScan, RegisteredBalanceChangesScan
from swpt_accounts.workers.processes import run_workers

hours_option = click.option(
    "-h", "--hours", type=click.FloatRange(0, min_open=True), help="The hours that a pass takes."
)
days_option = click.option(
    "-d", "--days", type=click.FloatRange(0, min_open=True), help="The days that a pass takes."
)


@swpt_accounts.command("scan_accounts")
@hours_option
@quit_early_option
def scan_accounts(hours: float | None, quit_early: bool) -> None:
    """Scan the accounts, again and again."""
    settings = get_settings(app_accounts_scan_hours=hours)
    run_workers(
        lambda stop: [
            AccountsScan(
                settings, stop, hours=settings.app_accounts_scan_hours, quit_early=quit_early
            )
        ]
    )


@swpt_accounts.command("scan_prepared_transfers")
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


@swpt_accounts.command("scan_registered_balance_changes")
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
