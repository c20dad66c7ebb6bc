"""The messages that the authority sends (SMP, Outgoing messages).

The fields hold wire values: moments and dates as text, bytes as upper-case hexadecimal digits.
Required fields are in the order of the columns of the message's outbox table, so that a row
unpacks into a message. Nothing is checked here: what is in the outbox has been checked.
"""

import math
from types import MappingProxyType
from typing import Final, get_args

import msgspec
from msgspec import Struct

from swpt_accounts.smp.types import (
    MAX_TRANSFER_NOTE_BYTES,
    AccountId,
    ChangeNoteFormat,
    ConfigData,
    ContentType,
    CoordinatorType,
    Int32,
    Int64,
    Iri,
    NonNegativeFloat,
    NonNegativeInt32,
    NonNegativeInt64,
    PositiveInt64,
    PrincipalDelta,
    StatusCode,
    TransferNote,
    TransferNoteFormat,
    WireDate,
    WireSha256,
    WireTimestamp,
)

DEMURRAGE_RATE: Final = -50.0
"""Annual, in percent: how fast the promised part of a locked amount may shrink."""


class _Message(Struct, frozen=True, gc=False, tag=True):
    debtor_id: Int64
    creditor_id: Int64


class RejectedConfig(_Message, frozen=True, gc=False):
    """A configuration was not applied."""

    config_ts: WireTimestamp
    config_seqnum: Int32
    config_flags: Int32
    config_data: ConfigData
    negligible_amount: NonNegativeFloat
    rejection_code: StatusCode
    ts: WireTimestamp


class RejectedTransfer(_Message, frozen=True, gc=False):
    """A transfer was not prepared."""

    coordinator_type: CoordinatorType
    coordinator_id: Int64
    coordinator_request_id: Int64
    status_code: StatusCode
    total_locked_amount: NonNegativeInt64
    ts: WireTimestamp


class PreparedTransfer(_Message, frozen=True, gc=False):
    """A transfer was prepared, or (a reminder) is still waiting to be finalized."""

    transfer_id: Int64
    coordinator_type: CoordinatorType
    coordinator_id: Int64
    coordinator_request_id: Int64
    locked_amount: NonNegativeInt64
    recipient: AccountId
    prepared_at: WireTimestamp
    demurrage_rate: float
    deadline: WireTimestamp
    final_interest_rate_ts: WireTimestamp
    ts: WireTimestamp


class FinalizedTransfer(_Message, frozen=True, gc=False):
    """A prepared transfer was committed, or dismissed, or its commit failed."""

    transfer_id: Int64
    coordinator_type: CoordinatorType
    coordinator_id: Int64
    coordinator_request_id: Int64
    committed_amount: NonNegativeInt64
    status_code: StatusCode
    total_locked_amount: NonNegativeInt64
    prepared_at: WireTimestamp
    ts: WireTimestamp


class AccountUpdate(_Message, frozen=True, gc=False):
    """The state of an account. `commit_period` and `ttl` are in seconds."""

    creation_date: WireDate
    last_change_ts: WireTimestamp
    last_change_seqnum: Int32
    principal: Int64
    interest: float
    interest_rate: float
    last_interest_rate_change_ts: WireTimestamp
    last_config_ts: WireTimestamp
    last_config_seqnum: Int32
    negligible_amount: NonNegativeFloat
    config_flags: Int32
    config_data: ConfigData
    account_id: AccountId
    debtor_info_iri: Iri
    debtor_info_content_type: ContentType
    debtor_info_sha256: WireSha256
    last_transfer_number: NonNegativeInt64
    last_transfer_committed_at: WireTimestamp
    ts: WireTimestamp
    commit_period: NonNegativeInt32
    ttl: NonNegativeInt32
    demurrage_rate: float = DEMURRAGE_RATE
    transfer_note_max_bytes: NonNegativeInt32 = MAX_TRANSFER_NOTE_BYTES


class AccountPurge(_Message, frozen=True, gc=False):
    """A deleted account left the database."""

    creation_date: WireDate
    ts: WireTimestamp


class AccountTransfer(_Message, frozen=True, gc=False):
    """A committed transfer from or to a creditor's account: a link of the account's chain."""

    creation_date: WireDate
    transfer_number: PositiveInt64
    coordinator_type: CoordinatorType
    sender: AccountId
    recipient: AccountId
    acquired_amount: PrincipalDelta
    transfer_note: TransferNote
    transfer_note_format: TransferNoteFormat
    committed_at: WireTimestamp
    principal: Int64
    previous_transfer_number: NonNegativeInt64
    ts: WireTimestamp


class PendingBalanceChange(_Message, frozen=True, gc=False):
    """Credits or debits an account that may be in another shard of this authority."""

    other_creditor_id: Int64
    change_id: Int64
    coordinator_type: CoordinatorType
    transfer_note_format: ChangeNoteFormat
    transfer_note: TransferNote
    committed_at: WireTimestamp
    principal_delta: PrincipalDelta
    ts: WireTimestamp


OutgoingMessage = (
    RejectedTransfer
    | PreparedTransfer
    | FinalizedTransfer
    | AccountTransfer
    | AccountUpdate
    | AccountPurge
    | RejectedConfig
    | PendingBalanceChange
)

SIGNALS: Final = MappingProxyType[str, type[OutgoingMessage]](
    {f"{cls.__name__}Signal": cls for cls in get_args(OutgoingMessage)}
)
"""The names by which operators know the outboxes, and the messages in them."""


def outbox_name(signal_name: str) -> str:
    """The name of an outbox table: `account_update_signal` of `AccountUpdateSignal`."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in signal_name)[1:]


_encoder = msgspec.json.Encoder()
_NULL_VALUE = b":null"


def encode(message: OutgoingMessage) -> bytes:
    """Return the message as a JSON object in UTF-8.

    Raises `ValueError` if a number is not finite: JSON cannot express it.
    """
    body = _encoder.encode(message)
    if _NULL_VALUE in body:
        _refuse_infinite_numbers(message)
    return body


def _refuse_infinite_numbers(message: OutgoingMessage) -> None:
    """Raise `ValueError` if the encoder wrote `null` because of a number that is not finite."""
    for name in message.__struct_fields__:
        value = getattr(message, name)
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{type(message).__name__}: `{name}` is {value}")
