"""Commands that check the whole database of the shard."""

import sys

import click
import psycopg

from swpt_accounts.audit.books import find_book_errors
from swpt_accounts.audit.shard_content import find_foreign_record
from swpt_accounts.cli.options import get_settings


@click.command("verify_shard_content")
def verify_shard_content() -> None:
    """Exit with 0 if every record belongs to this shard, else with 1."""
    settings = get_settings()
    try:
        finding = find_foreign_record(settings)
    except psycopg.Error as error:
        sys.exit(f"swpt_accounts: {error}")
    if finding is not None:
        sys.exit(f"swpt_accounts: {finding}")


@click.command("verify_books")
def verify_books() -> None:
    """Exit with 0 if the money of all accounts adds up, else with 1."""
    try:
        errors = find_book_errors(get_settings())
    except psycopg.Error as error:
        sys.exit(f"swpt_accounts: {error}")
    if errors:
        sys.exit("\n".join(f"swpt_accounts: {error}" for error in errors))
