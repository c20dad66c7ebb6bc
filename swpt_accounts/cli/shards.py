"""Commands about the shard."""

import sys

import psycopg

from swpt_accounts.cli.group import get_settings, swpt_accounts
from swpt_accounts.db.connection import connect


@swpt_accounts.command("verify_shard_content")
def verify_shard_content() -> None:
    """Exit with 0 if every record belongs to this shard, else with 1."""
    settings = get_settings()
    try:
        connection = connect(settings, "verify_shard_content")
    except psycopg.OperationalError as error:
        sys.exit(f"swpt_accounts: {error}")
    (table,) = connection.call(
        "find_foreign_records_v1", settings.realm.bits, settings.realm.length
    )
    connection.close()
    if table is not None:
        sys.exit(f"swpt_accounts: table {table!r} has records of accounts outside of this shard")
