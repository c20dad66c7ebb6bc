"""The command that is needed after a restore that has lost commits."""

import sys
from datetime import datetime

import click
import psycopg

from swpt_accounts.cli.filters import moment_option
from swpt_accounts.cli.options import get_settings
from swpt_accounts.scans.sequence_repair import RepairRefused, open_repair
from swpt_accounts.settings import SettingsError


@click.command("mend_gap")
@moment_option(
    "--told-until",
    "The last moment (UTC) at which the lost database may have been at work.",
    is_required=True,
)
@click.option("--mend", "is_mending", is_flag=True, help="Do it. Otherwise they are counted.")
def mend_gap(*, told_until: datetime, is_mending: bool) -> None:
    """Let accounts go on above what their owners were told, after a restore with a gap.

    To be run before the services are started.
    """
    settings = get_settings()
    try:
        with open_repair(settings, told_until) as gap:
            gap.check_clock()
            count = gap.mend() if is_mending else gap.count()
    except (psycopg.Error, SettingsError, RepairRefused) as error:
        sys.exit(f"swpt_accounts: {' '.join(str(error).split()) or repr(error)}")
    moment = told_until.isoformat()
    if not count:
        click.echo(f"Nothing to mend: all accounts are above what was told until {moment}.")
    elif is_mending:
        click.echo(
            f"{count} accounts go on above what was told until {moment}; their AccountUpdates"
            " are in the outbox."
        )
    else:
        click.echo(
            f"{count} accounts may know less than what was told until {moment}: --mend lets them"
            " go on above it."
        )
