"""The command that is needed after a restore that has lost commits."""

from datetime import datetime

import click
import psycopg

from swpt_accounts.cli.options import fail, get_settings, moment_option
from swpt_accounts.core.formatting import plural
from swpt_accounts.db.errors import one_line
from swpt_accounts.scans.sequence_repair import RepairRefused, open_repair
from swpt_accounts.settings import SettingsError


@click.command("mend_gap")
@moment_option(
    "--told-until",
    "Last moment (UTC) at which the lost database may have been in use.",
    is_required=True,
)
@click.option(
    "--mend",
    "is_mending",
    is_flag=True,
    help="Apply the changes. Without it, only count the accounts affected.",
)
def mend_gap(*, told_until: datetime, is_mending: bool) -> None:
    """Advance each account's numbers past any already sent to its owner.

    Run it after a restore that lost commits, before the services are started.
    """
    settings = get_settings()
    try:
        with open_repair(settings, told_until) as gap:
            gap.check_clock()
            count = gap.mend() if is_mending else gap.count()
    except (psycopg.Error, SettingsError, RepairRefused) as error:
        fail(one_line(error))
    accounts, moment = plural(count, "account"), told_until.isoformat()
    if not count:
        click.echo(f"No accounts to advance: all are past the numbers sent until {moment}.")
    elif is_mending:
        click.echo(
            f"Advanced {accounts} past the numbers sent until {moment}; their AccountUpdates are"
            " in the outbox."
        )
    else:
        click.echo(
            f"{accounts} may be behind the numbers sent until {moment}. Run the command with"
            " --mend to advance them."
        )
