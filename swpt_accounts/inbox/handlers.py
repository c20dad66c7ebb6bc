"""What each type of message does to the database: the calls of stored procedures."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter
from typing import Any, TypeVar

from swpt_accounts.core.ids import ROOT_CREDITOR_ID, parse_account_id
from swpt_accounts.core.root_config import (
    InvalidRootConfig,
    RootConfig,
    minimal_balance,
    parse_root_config,
)
from swpt_accounts.db.procedures import (
    CONFIGURE_ACCOUNTS,
    RECEIVE_BALANCE_CHANGES,
    RECEIVE_FINALIZATION_REQUESTS,
    RECEIVE_TRANSFER_REQUESTS,
    Procedure,
)
from swpt_accounts.inbox.batch import ReceivedMessage
from swpt_accounts.settings import Settings
from swpt_accounts.smp.incoming import (
    ConfigureAccount,
    FinalizeTransfer,
    PendingBalanceChange,
    PrepareTransfer,
)

T = TypeVar("T")
# Calls a stored procedure by the names of its parameters, and does not wait for it to return.
Call = Callable[..., None]


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


def configure_accounts(call: Call, settings: Settings, received: list[ReceivedMessage]) -> None:
    """Create accounts, or change their configurations."""
    messages = [r.message for r in received if isinstance(r.message, ConfigureAccount)]
    if not messages:
        return
    call(
        CONFIGURE_ACCOUNTS,
        **CONFIGURE_ACCOUNTS.arrays(
            map(_read_configuration, messages),
            **{name: attrgetter(f"message.{name}") for name in ConfigureAccount.__struct_fields__},
            **{name: attrgetter(f"root_config.{name}") for name in _RATE_AND_INFO},
        ),
        message_max_delay=timedelta(days=settings.app_message_max_delay_days),
    )


def receive_transfer_requests(
    call: Call, settings: Settings, received: list[ReceivedMessage]
) -> None:
    """Queue transfers that are to be prepared."""
    _receive(
        call,
        RECEIVE_TRANSFER_REQUESTS,
        settings,
        [r for r in received if isinstance(r.message, PrepareTransfer)],
        {"recipient": lambda message: parse_account_id(message.recipient)},
        **settings.realm.parameters,
    )


def receive_finalization_requests(
    call: Call, settings: Settings, received: list[ReceivedMessage]
) -> None:
    """Queue prepared transfers that are to be finalized."""
    finalizations = [r for r in received if isinstance(r.message, FinalizeTransfer)]
    _receive(call, RECEIVE_FINALIZATION_REQUESTS, settings, finalizations, {})


def receive_balance_changes(
    call: Call, settings: Settings, received: list[ReceivedMessage]
) -> None:
    """Queue balance changes that come from other shards."""
    _receive(
        call,
        RECEIVE_BALANCE_CHANGES,
        settings,
        [r for r in received if isinstance(r.message, PendingBalanceChange)],
        {},
        threshold_ts=settings.remove_from_archive_threshold_date,
    )


def _receive(
    call: Call,
    procedure: Procedure,
    settings: Settings,
    received: list[ReceivedMessage],
    columns: dict[str, Callable[[Any], Any]],
    **parameters: Any,
) -> None:
    if not received:
        return
    contexts = [r.trace_context for r in received] if settings.app_opentelemetry else None
    messages = [r.message for r in received]
    arrays = procedure.arrays(messages, trace_context=contexts, **columns)
    call(procedure, **arrays, **parameters)
