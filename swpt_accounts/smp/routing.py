"""Where an outgoing message goes, and the headers it carries."""

from dataclasses import dataclass
from typing import Final

from swpt_accounts.core.ids import ROOT_CREDITOR_ID
from swpt_accounts.core.realm import ACCOUNT_BITS_LENGTH, account_bits
from swpt_accounts.smp.outgoing import (
    AccountTransfer,
    AccountUpdate,
    FinalizedTransfer,
    OutgoingMessage,
    PendingBalanceChange,
    PreparedTransfer,
    RejectedTransfer,
)

ACCOUNTS_IN_EXCHANGE: Final = "accounts_in"
TO_CREDITORS_EXCHANGE: Final = "to_creditors"
TO_DEBTORS_EXCHANGE: Final = "to_debtors"
TO_COORDINATORS_EXCHANGE: Final = "to_coordinators"

SCHEDULED_FOR_DELETION: Final = 1 << 0
"""The bit of `config_flags`."""

_COORDINATOR_MESSAGES = (RejectedTransfer, PreparedTransfer, FinalizedTransfer)
_TYPED_MESSAGES = (*_COORDINATOR_MESSAGES, AccountTransfer, PendingBalanceChange)


@dataclass(frozen=True, slots=True)
class Route:
    """An exchange, a routing key, and whether the broker must find a queue for the message."""

    exchange: str
    routing_key: str
    mandatory: bool = True


def route(message: OutgoingMessage) -> Route:
    """Return where the message goes."""
    if isinstance(message, _COORDINATOR_MESSAGES):
        return Route(TO_COORDINATORS_EXCHANGE, hex_routing_key(message.coordinator_id))
    if isinstance(message, PendingBalanceChange):
        key = bits_routing_key(message.debtor_id, message.creditor_id)
        return Route(ACCOUNTS_IN_EXCHANGE, key)
    if message.creditor_id != ROOT_CREDITOR_ID:
        return Route(TO_CREDITORS_EXCHANGE, hex_routing_key(message.creditor_id))
    # The debtor who wants to close its account may have no agent any more.
    is_optional = (
        isinstance(message, AccountUpdate) and message.config_flags & SCHEDULED_FOR_DELETION != 0
    )
    return Route(TO_DEBTORS_EXCHANGE, hex_routing_key(message.debtor_id), not is_optional)


def headers(message: OutgoingMessage) -> dict[str, int | str]:
    """Return the AMQP headers of the message."""
    result: dict[str, int | str] = {
        "message-type": type(message).__name__,
        "debtor-id": message.debtor_id,
        "creditor-id": message.creditor_id,
    }
    if isinstance(message, _COORDINATOR_MESSAGES):
        result["coordinator-id"] = message.coordinator_id
    if isinstance(message, _TYPED_MESSAGES):
        result["coordinator-type"] = message.coordinator_type
    return result


def hex_routing_key(n: int) -> str:
    """Return a signed 64-bit integer as 8 dotted hexadecimal bytes, in two's complement."""
    return n.to_bytes(8, "big", signed=True).hex(".")


def bits_routing_key(debtor_id: int, creditor_id: int) -> str:
    """Return the routing key of an account's messages in the `accounts_in` exchange."""
    return ".".join(format(account_bits(debtor_id, creditor_id), f"0{ACCOUNT_BITS_LENGTH}b"))
