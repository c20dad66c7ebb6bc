"""Commands about the shard."""

import sys

import psycopg

from swpt_accounts.cli.group import get_settings, swpt_accounts
from swpt_accounts.scans.verification import find_foreign_record


@swpt_accounts.command("verify_shard_content")
def verify_shard_content() -> None:
    """Exit with 0 if every record belongs to this shard, else with 1."""
    settings = get_settings()
    try:
        finding = find_foreign_record(settings)
    except psycopg.Error as error:
        sys.exit(f"swpt_accounts: {error}")
    if finding is not None:
        sys.exit(f"swpt_accounts: {finding}")
