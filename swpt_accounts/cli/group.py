"""The group of commands. A module is imported when one of its commands is called."""

import os
import sys
from importlib import import_module
from types import MappingProxyType
from typing import Final

import click

from swpt_accounts.logs import configure_logging
from swpt_accounts.settings import SettingsError, load_settings

MODULES: Final = MappingProxyType(
    {
        "consume_messages": "consuming_messages",
        "consume_chore_messages": "consuming_chores",
        "process_transfer_requests": "staging",
        "process_finalization_requests": "staging",
        "process_balance_changes": "staging",
        "flush_messages": "flushing",
        "returned_messages": "returned_messages",
        "scan_accounts": "scanning_accounts",
        "scan_prepared_transfers": "scanning",
        "scan_registered_balance_changes": "scanning",
        "subscribe": "topology",
        "unsubscribe": "topology",
        "delete_queue": "topology",
        "create_chores_queue": "topology",
        "dead_letters": "dead_letters",
        "verify_shard_content": "auditing",
        "verify_books": "auditing",
        "add_up_books": "auditing",
    }
)
"""The commands, and the modules of this package in which they are, as functions of that name."""

# They need none, or have an option that names it.
_WITHOUT_DATABASE_SETTING: Final = {"verify_shard_content", "verify_books", "add_up_books"}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in MODULES:
            return None
        module = import_module(f"swpt_accounts.cli.{MODULES[cmd_name]}")
        command: click.Command = getattr(module, cmd_name)
        return command


@click.group(cls=_LazyGroup)
@click.pass_context
def swpt_accounts(context: click.Context) -> None:
    """Run the parts of the accounting authority."""
    try:
        context.obj = load_settings(os.environ)
        if context.invoked_subcommand not in _WITHOUT_DATABASE_SETTING:
            _ = context.obj.database_url
    except SettingsError as error:
        sys.exit(f"swpt_accounts: {error}")
    configure_logging(context.obj)
