"""The commands that say where a transfer is, and what has changed an account."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import click
import psycopg

from swpt_accounts.cli import trace_report
from swpt_accounts.cli.filters import since_option, until_option
from swpt_accounts.cli.id_params import CoordinatorTypeParam, IdParam
from swpt_accounts.cli.options import get_settings
from swpt_accounts.core.timestamps import MAX_MOMENT, MIN_MOMENT
from swpt_accounts.inspection.lookup.accounts import trace_account
from swpt_accounts.inspection.lookup.keys import AccountKey, CoordinatorRequest, TransferKey
from swpt_accounts.inspection.lookup.session import Reader, reading
from swpt_accounts.inspection.lookup.statements import LINES_COUNT_MAX, read_statement
from swpt_accounts.inspection.lookup.transfers import trace_by_coordinator, trace_by_transfer

# A negative id is no option.
_WITH_IDS: Final = {"ignore_unknown_options": True}
_json_option = click.option("--json", "is_json", is_flag=True, help="Write JSON.")


def id_argument(name: str) -> Callable[[Any], Any]:
    """An argument that is an id, however it is written."""
    return click.argument(name, type=IdParam(), metavar=name.upper())


@contextmanager
def _reader() -> Iterator[Reader]:
    try:
        with reading(get_settings()) as reader:
            yield reader
    except psycopg.Error as error:
        sys.exit(f"swpt_accounts: {' '.join(str(error).split()) or repr(error)}")


@click.group("trace")
def trace() -> None:
    """Say where a transfer is, and what it waits for. Changes nothing."""


@trace.command("coordinator", context_settings=_WITH_IDS)
@click.argument("coordinator_type", type=CoordinatorTypeParam(), metavar="TYPE")
@id_argument("coordinator_id")
@id_argument("request_id")
@_json_option
def by_coordinator(
    coordinator_type: str, coordinator_id: int, request_id: int, is_json: bool
) -> None:
    """The transfer of a coordinator's request: its type, its id, and its number."""
    with _reader() as reader:
        found = trace_by_coordinator(
            reader, CoordinatorRequest(coordinator_type, coordinator_id, request_id)
        )
    trace_report.tell_trace(found, is_json=is_json)


@trace.command("transfer", context_settings=_WITH_IDS)
@id_argument("debtor_id")
@id_argument("creditor_id")
@id_argument("transfer_id")
@_json_option
def by_transfer(debtor_id: int, creditor_id: int, transfer_id: int, is_json: bool) -> None:
    """The transfer with an id, from the account of a sender."""
    with _reader() as reader:
        found = trace_by_transfer(reader, TransferKey(debtor_id, creditor_id, transfer_id))
    trace_report.tell_trace(found, is_json=is_json)


@trace.command("account", context_settings=_WITH_IDS)
@id_argument("debtor_id")
@id_argument("creditor_id")
@_json_option
def by_account(debtor_id: int, creditor_id: int, is_json: bool) -> None:
    """An account, what is on its way from it and to it, and its last messages."""
    with _reader() as reader:
        found = trace_account(reader, AccountKey(debtor_id, creditor_id))
    trace_report.tell_account(found, is_json=is_json)


@click.command("statement", context_settings=_WITH_IDS)
@id_argument("debtor_id")
@id_argument("creditor_id")
@since_option("Changes at this moment (UTC) or later.")
@until_option("Changes before this moment (UTC).")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "csv", "json"]),
    default="text",
    show_default=True,
    help="What to write.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, 1_000_000),
    default=LINES_COUNT_MAX,
    show_default=True,
    help="How many transfers are read, about.",
)
def statement(
    debtor_id: int,
    creditor_id: int,
    since: datetime | None,
    until: datetime | None,
    form: str,
    limit: int,
) -> None:
    """Print what has changed an account: opening principal, transfers, closing principal.

    Exits with 1 if they do not fit together.
    """
    since, until = since or MIN_MOMENT, until or MAX_MOMENT
    if since >= until:
        raise click.UsageError("--since is not before --until")
    with _reader() as reader:
        key = AccountKey(debtor_id, creditor_id)
        found = read_statement(reader, key, since, until, count_max=limit)
    trace_report.tell_statement(found, form)
    if found.problems:
        sys.exit(1)
