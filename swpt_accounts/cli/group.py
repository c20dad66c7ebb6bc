"""The group of commands. A module is imported when one of its commands is called."""

import os
import sys
from functools import partial
from importlib import import_module
from types import MappingProxyType
from typing import Final

import click

from swpt_accounts.cli.late_modules import load_later
from swpt_accounts.observability.log import configure_logging
from swpt_accounts.observability.metrics.recorder import configure as configure_recording
from swpt_accounts.settings import SettingsError, load_settings
from swpt_accounts.workers.setting_warnings import warn_of_misspelt_settings

MODULES: Final = MappingProxyType(
    {
        "consume_messages": "consumers",
        "consume_chore_messages": "consumers",
        "process_transfer_requests": "stages",
        "process_finalization_requests": "stages",
        "process_balance_changes": "stages",
        "flush_messages": "flush_messages",
        "returned_messages": "returned_messages",
        "scan_accounts": "scan_accounts",
        "scan_prepared_transfers": "scans",
        "scan_registered_balance_changes": "scans",
        "subscribe": "topology",
        "unsubscribe": "topology",
        "delete_queue": "topology",
        "create_chores_queue": "topology",
        "dead_letters": "dead_letters",
        "verify_shard_content": "books",
        "verify_books": "books",
        "add_up_books": "books",
        "trace": "trace",
        "statement": "trace",
        "resend": "resend",
        "mend_gap": "mend_gap",
        "status": "status",
        "serve_metrics": "servers",
        "healthcheck": "servers",
        "move_in": "takeover",
        "move_out": "takeover",
        "shards": "shards",
        "console": "servers",
        "upgrade": "upgrade",
    }
)
"""The commands, and the modules of this package in which they are, as functions of that name."""

_ON_BROKERS: Final = {"subscribe", "unsubscribe", "delete_queue", "create_chores_queue"}
_CHECKS: Final = {"verify_shard_content", "verify_books", "add_up_books"}
# They need none, or have an option that names it.
_WITHOUT_DATABASE_SETTING: Final = _ON_BROKERS | _CHECKS | {"healthcheck"}
# Their standard output is for what they are asked for, which may be JSON, and not for the log.
_WITH_ANSWERS: Final = _CHECKS | {
    *("dead_letters", "returned_messages", "status", "move_in", "move_out", "healthcheck"),
    *("trace", "statement", "resend", "mend_gap", "shards", "upgrade"),
}


# They run in containers of other commands, or tell of the settings themselves.
_WITHOUT_WARNINGS: Final = {"healthcheck", "serve_metrics", "upgrade"}

_IS_ASKED_FOR_HELP: Final = "swpt_accounts.is_asked_for_help"


class _LazyGroup(click.Group):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_IS_ASKED_FOR_HELP] = "--help" in args
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in MODULES:
            return None
        load_later()
        module = import_module(f"swpt_accounts.cli.{MODULES[cmd_name]}")
        command: click.Command = getattr(module, cmd_name)
        return command


@click.group(cls=_LazyGroup)
@click.option(
    "--with-metrics",
    is_flag=True,
    help="If METRICS_PORT is set, serve the metrics and the health, too.",
)
@click.pass_context
def swpt_accounts(context: click.Context, with_metrics: bool) -> None:
    """Run the parts of the accounting authority."""
    if context.meta[_IS_ASKED_FOR_HELP]:
        return  # which needs no setting
    try:
        context.obj = load_settings(os.environ)
        if context.invoked_subcommand not in _WITHOUT_DATABASE_SETTING:
            _ = context.obj.database_url
    except SettingsError as error:
        sys.exit(f"swpt_accounts: {error}")
    if with_metrics and context.obj.metrics_port:
        # (they import what is loaded later)
        from swpt_accounts.inspection.exporter.threads import make_exporter
        from swpt_accounts.workers.runner import run_beside

        run_beside(partial(make_exporter, context.obj, is_beside_worker=True))
    configure_recording(
        context.obj.state_dir,
        context.invoked_subcommand or "",
        has_metrics=context.obj.metrics_port != 0,
        shard=context.obj.shard_mark,
    )
    is_asked = context.invoked_subcommand in _WITH_ANSWERS
    configure_logging(context.obj, sys.stderr if is_asked else sys.stdout)
    if context.invoked_subcommand not in _WITHOUT_WARNINGS:
        warn_of_misspelt_settings(os.environ)
