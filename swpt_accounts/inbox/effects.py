"""The effects of a batch of messages on the database: one transaction."""

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from swpt_accounts.core.ids import ROOT_CREDITOR_ID, parse_account_id
from swpt_accounts.core.root_config import (
    InvalidRootConfig,
    RootConfig,
    minimal_balance,
    parse_root_config,
)
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.inbox.batch import Received
from swpt_accounts.settings import Settings
from swpt_accounts.smp.incoming import (
    ConfigureAccount,
    FinalizeTransfer,
    PendingBalanceChange,
    PrepareTransfer,
)

T = TypeVar("T")
# Calls a stored procedure, and does not wait for it to return.
Call = Callable[..., None]


def apply_messages(
    connection: DatabaseConnection,
    settings: Settings,
    received: list[Received],
    *,
    is_repeated: bool,
) -> None:
    """Take in messages, in one transaction.

    Configurations come first: a transfer in the same batch may be meant for a new account.
    `is_repeated` says that this batch may have been committed before.
    """
    preparations = _new_preparations(connection, received, is_repeated=is_repeated)
    with connection.batch() as call:
        if configurations := _select(received, ConfigureAccount):
            _configure_accounts(call, settings, configurations)
        if finalizations := _select(received, FinalizeTransfer):
            _receive_finalization_requests(call, finalizations)
        if preparations:
            _receive_transfer_requests(call, settings, _select(preparations, PrepareTransfer))
            call("note_handled_v1", [r.digest for r in preparations])
        if changes := _select(received, PendingBalanceChange):
            _receive_balance_changes(call, settings, changes)


def _select(received: list[Received], message_type: type[T]) -> list[T]:
    return [r.message for r in received if isinstance(r.message, message_type)]


def _new_preparations(
    connection: DatabaseConnection, received: list[Received], *, is_repeated: bool
) -> list[Received]:
    """The PrepareTransfer messages that have not been handled already."""
    preparations = [r for r in received if isinstance(r.message, PrepareTransfer)]
    doubtful = [r.digest for r in preparations if is_repeated or r.delivery.is_redelivered]
    if not doubtful:
        return preparations
    handled = set(connection.call("find_handled_v1", doubtful)[0])
    return [
        r
        for r in preparations
        if not (r.digest in handled and (is_repeated or r.delivery.is_redelivered))
    ]


def _root_config(message: ConfigureAccount) -> RootConfig | None:
    """The root configuration that the message sets; the defaults for a creditor's account.

    None if the configuration is invalid.
    """
    if message.creditor_id != ROOT_CREDITOR_ID:
        return None if message.config_data else RootConfig()
    try:
        return parse_root_config(message.config_data)
    except InvalidRootConfig:
        return None


def _configure_accounts(call: Call, settings: Settings, messages: list[ConfigureAccount]) -> None:
    configs = [_root_config(m) for m in messages]
    valid_configs = [config or RootConfig() for config in configs]
    call(
        "configure_accounts_v1",
        [m.debtor_id for m in messages],
        [m.creditor_id for m in messages],
        [m.ts for m in messages],
        [m.seqnum for m in messages],
        [m.negligible_amount for m in messages],
        [m.config_flags for m in messages],
        [m.config_data for m in messages],
        [config is not None for config in configs],
        [
            minimal_balance(c, m.negligible_amount) if m.creditor_id == ROOT_CREDITOR_ID else 0
            for c, m in zip(valid_configs, messages, strict=True)
        ],
        [c.interest_rate for c in valid_configs],
        [c.info_iri for c in valid_configs],
        [c.info_content_type for c in valid_configs],
        [c.info_sha256 for c in valid_configs],
        timedelta(days=settings.app_message_max_delay_days),
    )


def _receive_transfer_requests(
    call: Call, settings: Settings, messages: list[PrepareTransfer]
) -> None:
    call(
        "receive_transfer_requests_v1",
        [m.debtor_id for m in messages],
        [m.creditor_id for m in messages],
        [m.coordinator_type for m in messages],
        [m.coordinator_id for m in messages],
        [m.coordinator_request_id for m in messages],
        [m.min_locked_amount for m in messages],
        [m.max_locked_amount for m in messages],
        [parse_account_id(m.recipient) for m in messages],
        [m.final_interest_rate_ts for m in messages],
        [m.max_commit_delay for m in messages],
        [m.ts for m in messages],
        settings.realm.bits,
        settings.realm.length,
    )


def _receive_finalization_requests(call: Call, messages: list[FinalizeTransfer]) -> None:
    call(
        "receive_finalization_requests_v1",
        [m.debtor_id for m in messages],
        [m.creditor_id for m in messages],
        [m.transfer_id for m in messages],
        [m.coordinator_type for m in messages],
        [m.coordinator_id for m in messages],
        [m.coordinator_request_id for m in messages],
        [m.committed_amount for m in messages],
        [m.transfer_note for m in messages],
        [m.transfer_note_format for m in messages],
    )


def _receive_balance_changes(
    call: Call, settings: Settings, messages: list[PendingBalanceChange]
) -> None:
    call(
        "receive_balance_changes_v1",
        [m.debtor_id for m in messages],
        [m.creditor_id for m in messages],
        [m.other_creditor_id for m in messages],
        [m.change_id for m in messages],
        [m.principal_delta for m in messages],
        [m.coordinator_type for m in messages],
        [m.transfer_note for m in messages],
        [m.transfer_note_format for m in messages],
        [m.committed_at for m in messages],
        settings.remove_from_archive_threshold_date,
    )
