"""The messages that the authority receives (SMP, Incoming messages).

Every rule that can be checked by looking at one message is checked here, while it is decoded.
Moments are in UTC.
"""

from datetime import UTC, datetime

from msgspec import Struct
from msgspec.structs import force_setattr

from swpt_accounts.core import timestamps
from swpt_accounts.core.ids import ROOT_CREDITOR_ID, same_agent
from swpt_accounts.smp.types import (
    MAX_CONFIG_DATA_BYTES,
    MAX_TRANSFER_NOTE_BYTES,
    AccountId,
    ChangeNoteFormat,
    ConfigData,
    CoordinatorType,
    Int32,
    Int64,
    Moment,
    NonNegativeFloat,
    NonNegativeInt32,
    NonNegativeInt64,
    PrincipalDelta,
    TransferNote,
    TransferNoteFormat,
)


class _Message(Struct, frozen=True, gc=False, tag=True):
    debtor_id: Int64
    creditor_id: Int64


class ConfigureAccount(_Message, frozen=True, gc=False):
    """Creates an account, or changes its configuration."""

    negligible_amount: NonNegativeFloat
    config_flags: Int32
    config_data: ConfigData
    ts: Moment
    seqnum: Int32

    def __post_init__(self) -> None:
        _check_size("config_data", self.config_data, MAX_CONFIG_DATA_BYTES)
        if self.ts.tzinfo is not UTC:
            force_setattr(self, "ts", _in_utc("ts", self.ts))


class PrepareTransfer(_Message, frozen=True, gc=False):
    """Asks for an amount to be locked, on the account of the sender."""

    coordinator_type: CoordinatorType
    coordinator_id: Int64
    coordinator_request_id: Int64
    min_locked_amount: NonNegativeInt64
    max_locked_amount: NonNegativeInt64
    recipient: AccountId
    final_interest_rate_ts: Moment
    max_commit_delay: NonNegativeInt32
    ts: Moment

    def __post_init__(self) -> None:
        _check_ascii("coordinator_type", self.coordinator_type)
        _check_ascii("recipient", self.recipient)
        if self.min_locked_amount > self.max_locked_amount:
            raise ValueError("`max_locked_amount` is less than `min_locked_amount`")
        _check_coordinator(self)
        if self.ts.tzinfo is not UTC:
            force_setattr(self, "ts", _in_utc("ts", self.ts))
        if self.final_interest_rate_ts.tzinfo is not UTC:
            nearest = timestamps.to_nearest_utc(self.final_interest_rate_ts)
            force_setattr(self, "final_interest_rate_ts", nearest)


class FinalizeTransfer(_Message, frozen=True, gc=False):
    """Commits a prepared transfer, or dismisses it when the committed amount is zero.

    A coordinator that is not the one of the prepared transfer makes the message ineffective,
    not malformed.
    """

    transfer_id: Int64
    coordinator_type: CoordinatorType
    coordinator_id: Int64
    coordinator_request_id: Int64
    committed_amount: NonNegativeInt64
    transfer_note: TransferNote
    transfer_note_format: TransferNoteFormat
    ts: Moment

    def __post_init__(self) -> None:
        _check_ascii("coordinator_type", self.coordinator_type)
        _check_size("transfer_note", self.transfer_note, MAX_TRANSFER_NOTE_BYTES)
        if self.ts.tzinfo is not UTC:
            force_setattr(self, "ts", _in_utc("ts", self.ts))


class PendingBalanceChange(_Message, frozen=True, gc=False):
    """Credits or debits an account. Sent by a shard of this very authority."""

    other_creditor_id: Int64
    change_id: Int64
    coordinator_type: CoordinatorType
    transfer_note_format: ChangeNoteFormat
    transfer_note: TransferNote
    committed_at: Moment
    principal_delta: PrincipalDelta

    def __post_init__(self) -> None:
        _check_ascii("coordinator_type", self.coordinator_type)
        _check_size("transfer_note", self.transfer_note, MAX_TRANSFER_NOTE_BYTES)
        if self.principal_delta == 0:
            raise ValueError("`principal_delta` is zero")
        if self.committed_at.tzinfo is not UTC:
            force_setattr(self, "committed_at", _in_utc("committed_at", self.committed_at))


IncomingMessage = ConfigureAccount | PrepareTransfer | FinalizeTransfer | PendingBalanceChange


def _check_size(name: str, text: str, bytes_max: int) -> None:
    if not text.isascii() and len(text.encode()) > bytes_max:
        raise ValueError(f"`{name}` is longer than {bytes_max} bytes in UTF-8")


def _check_ascii(name: str, text: str) -> None:
    if not text.isascii():
        raise ValueError(f"`{name}` contains non-ASCII symbols")


def _in_utc(name: str, moment: datetime) -> datetime:
    try:
        return timestamps.to_utc(moment)
    except ValueError as error:
        raise ValueError(f"`{name}` is {error}") from None


def _check_coordinator(message: PrepareTransfer) -> None:
    coordinator_id = message.coordinator_id
    match message.coordinator_type:
        case "direct":
            allowed = coordinator_id == message.creditor_id
        case "issuing":
            is_root = message.creditor_id == ROOT_CREDITOR_ID
            allowed = is_root and coordinator_id == message.debtor_id
        case "agent":
            allowed = same_agent(coordinator_id, message.creditor_id)
        case _:
            allowed = True
    if not allowed:
        raise ValueError(
            f"`coordinator_id` {coordinator_id} may not coordinate"
            f" `{message.coordinator_type}` transfers of this account"
        )
