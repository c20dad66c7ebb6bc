"""The effects of a batch of messages on the database: one transaction."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter
from typing import TypeVar

from swpt_accounts.core.ids import ROOT_CREDITOR_ID, parse_account_id
from swpt_accounts.core.root_config import (
    InvalidRootConfig,
    RootConfig,
    minimal_balance,
    parse_root_config,
)
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.procedures import (
    CONFIGURE_ACCOUNTS,
    FIND_HANDLED,
    NOTE_HANDLED,
    RECEIVE_BALANCE_CHANGES,
    RECEIVE_FINALIZATION_REQUESTS,
    RECEIVE_TRANSFER_REQUESTS,
)
from swpt_accounts.inbox.batch import ReceivedMessage
from swpt_accounts.inbox.spans import TraceContexts, trace_contexts
from swpt_accounts.inbox.stale_changes import ignored_changes
from swpt_accounts.settings import Settings
from swpt_accounts.smp.incoming import (
    ConfigureAccount,
    FinalizeTransfer,
    PendingBalanceChange,
    PrepareTransfer,
)
from swpt_accounts.workers.journal import record

T = TypeVar("T")
# Calls a stored procedure by the names of its parameters, and does not wait for it to return.
Call = Callable[..., None]


def apply_messages(
    connection: DatabaseConnection,
    settings: Settings,
    received: list[ReceivedMessage],
    *,
    is_repeated: bool,
) -> None:
    """Take in messages, in one transaction.

    Configurations come first: a transfer in the same batch may be meant for a new account.
    `is_repeated` says that this batch may have been committed before.
    """
    has_journal = settings.journal_days > 0
    counted = received if has_journal else _preparations(received)
    new = _not_handled(connection, counted, is_repeated=is_repeated)
    preparations = _preparations(new)
    changes = _select(received, PendingBalanceChange)
    with connection.batch() as call:
        if configurations := _select(received, ConfigureAccount):
            _configure_accounts(call, settings, configurations)
        if finalizations := _select(received, FinalizeTransfer):
            contexts = trace_contexts(settings, received, FinalizeTransfer)
            _receive_finalization_requests(call, finalizations, contexts)
        if preparations:
            contexts = trace_contexts(settings, preparations, PrepareTransfer)
            requests = _select(preparations, PrepareTransfer)
            _receive_transfer_requests(call, settings, requests, contexts)
        if new:
            call(NOTE_HANDLED, digests=[r.digest for r in new])
        if changes:
            contexts = trace_contexts(settings, received, PendingBalanceChange)
            _receive_balance_changes(call, settings, changes, contexts)
        if has_journal and new:
            record(call, ((r.message, r.delivery.body) for r in new), is_sent=False)
    ignored_changes.report(settings, changes)


def _select(received: list[ReceivedMessage], message_type: type[T]) -> list[T]:
    return [r.message for r in received if isinstance(r.message, message_type)]


def _preparations(received: list[ReceivedMessage]) -> list[ReceivedMessage]:
    return [r for r in received if isinstance(r.message, PrepareTransfer)]


def _not_handled(
    connection: DatabaseConnection, counted: list[ReceivedMessage], *, is_repeated: bool
) -> list[ReceivedMessage]:
    """The messages that have not been handled already.

    Counted are PrepareTransfers, which would have another effect; with a journal, all messages.
    """
    doubtful = [r.digest for r in counted if is_repeated or r.delivery.is_redelivered]
    if not doubtful:
        return counted
    handled = set(connection.call_value(FIND_HANDLED, digests=doubtful))
    copied = {r.digest for r in counted if r.delivery.is_copy}
    new: list[ReceivedMessage] = []
    for message in counted:
        digest = message.digest
        if digest in handled and (is_repeated or message.delivery.is_redelivered):
            continue
        if digest in copied:
            # The message and its copy may be in the same batch.
            handled.add(digest)
        new.append(message)
    return new


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


_RATE_AND_INFO = ("interest_rate", "info_iri", "info_content_type", "info_sha256")


@dataclass(frozen=True, slots=True)
class _Configuration:
    """A ConfigureAccount message, and what its config_data says."""

    message: ConfigureAccount
    is_valid: bool
    root_config: RootConfig

    @property
    def minimal_balance(self) -> int:
        if self.message.creditor_id != ROOT_CREDITOR_ID:
            return 0
        return minimal_balance(self.root_config, self.message.negligible_amount)


def _read_configuration(message: ConfigureAccount) -> _Configuration:
    config = _root_config(message)
    return _Configuration(message, config is not None, config or RootConfig())


def _configure_accounts(call: Call, settings: Settings, messages: list[ConfigureAccount]) -> None:
    configurations = [_read_configuration(message) for message in messages]
    call(
        CONFIGURE_ACCOUNTS,
        **CONFIGURE_ACCOUNTS.arrays(
            configurations,
            **{name: attrgetter(f"message.{name}") for name in ConfigureAccount.__struct_fields__},
            **{name: attrgetter(f"root_config.{name}") for name in _RATE_AND_INFO},
        ),
        message_max_delay=timedelta(days=settings.app_message_max_delay_days),
    )


def _receive_transfer_requests(
    call: Call, settings: Settings, messages: list[PrepareTransfer], contexts: TraceContexts
) -> None:
    call(
        RECEIVE_TRANSFER_REQUESTS,
        **RECEIVE_TRANSFER_REQUESTS.arrays(
            messages,
            recipient=lambda message: parse_account_id(message.recipient),
            trace_context=contexts,
        ),
        **settings.realm.parameters,
    )


def _receive_finalization_requests(
    call: Call, messages: list[FinalizeTransfer], contexts: TraceContexts
) -> None:
    call(
        RECEIVE_FINALIZATION_REQUESTS,
        **RECEIVE_FINALIZATION_REQUESTS.arrays(messages, trace_context=contexts),
    )


def _receive_balance_changes(
    call: Call,
    settings: Settings,
    messages: list[PendingBalanceChange],
    contexts: TraceContexts,
) -> None:
    call(
        RECEIVE_BALANCE_CHANGES,
        **RECEIVE_BALANCE_CHANGES.arrays(messages, trace_context=contexts),
        threshold_ts=settings.remove_from_archive_threshold_date,
    )
