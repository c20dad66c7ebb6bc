"""The exchanges of the protocol as channels, and what the authority does with them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from swpt_accounts.smp.routing import (
    ACCOUNTS_IN_EXCHANGE,
    TO_COORDINATORS_EXCHANGE,
    TO_CREDITORS_EXCHANGE,
    TO_DEBTORS_EXCHANGE,
    bits_routing_key,
    hex_routing_key,
)

BINDING_VERSION: Final = "0.3.0"

_HEX_KEY = "as eight bytes in two's complement: lower-case hexadecimal digits, with dots"


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """An exchange. `parameter` stands for the routing key."""

    exchange: str
    exchange_type: str
    title: str
    description: str
    summary: str = ""
    parameter: str
    parameter_description: str
    parameter_examples: tuple[str, ...]
    messages: tuple[str, ...]


CHANNELS: Final = (
    Channel(
        exchange=ACCOUNTS_IN_EXCHANGE,
        exchange_type="topic",
        title="To the authority",
        description="Messages to the authority, and between its shards.",
        parameter="accountBits",
        parameter_description=(
            "The first 24 bits of the MD5 digest of the account's debtor id and creditor id"
            " (each as eight bytes, big-endian, signed), with dots between the bits."
        ),
        parameter_examples=(bits_routing_key(123, 456),),
        messages=(
            "ConfigureAccount",
            "PrepareTransfer",
            "FinalizeTransfer",
            "PendingBalanceChange",
        ),
    ),
    Channel(
        exchange=TO_CREDITORS_EXCHANGE,
        exchange_type="topic",
        title="To the creditors agents",
        description=(
            "Messages about creditors' accounts (creditor id not 0). The messages to coordinators"
            " of the types `direct` and `agent` come here too, from `to_coordinators`."
        ),
        summary="Tells creditors what becomes of their accounts.",
        parameter="creditorId",
        parameter_description=f"The creditor id {_HEX_KEY}.",
        parameter_examples=(hex_routing_key(2), hex_routing_key(-2)),
        messages=("RejectedConfig", "AccountUpdate", "AccountPurge", "AccountTransfer"),
    ),
    Channel(
        exchange=TO_DEBTORS_EXCHANGE,
        exchange_type="topic",
        title="To the debtors agents",
        description=(
            "Messages about debtors' own accounts (creditor id 0). The messages to coordinators"
            " of the type `issuing` come here too, from `to_coordinators`."
        ),
        summary="Tells debtors what becomes of their own accounts.",
        parameter="debtorId",
        parameter_description=f"The debtor id {_HEX_KEY}.",
        parameter_examples=(hex_routing_key(2), hex_routing_key(-2)),
        messages=("RejectedConfig", "AccountUpdate", "AccountPurge"),
    ),
    Channel(
        exchange=TO_COORDINATORS_EXCHANGE,
        exchange_type="headers",
        title="To the coordinators of transfers",
        description=(
            "Answers to coordinators. Bindings with the header `coordinator-type` (`x-match`:"
            " `all`) bring them to `to_creditors` and `to_debtors`, with the same routing key."
        ),
        summary="Tells coordinators what becomes of their transfers.",
        parameter="coordinatorId",
        parameter_description=f"The coordinator id {_HEX_KEY}.",
        parameter_examples=(hex_routing_key(2), hex_routing_key(-2)),
        messages=("RejectedTransfer", "PreparedTransfer", "FinalizedTransfer"),
    ),
)

# To which messages of which exchange a message is answered, whatever the account.
_REPLIES: Final = {
    "PrepareTransfer": (TO_COORDINATORS_EXCHANGE, ("PreparedTransfer", "RejectedTransfer")),
    "FinalizeTransfer": (TO_COORDINATORS_EXCHANGE, ("FinalizedTransfer",)),
}
_SUMMARIES: Final = {
    ("receive", "ConfigureAccount"): (
        "Opens or configures an account. AccountUpdate or RejectedConfig follows, to the owner's"
        " agent."
    ),
    ("receive", "PrepareTransfer"): "Locks an amount, or refuses to.",
    ("receive", "FinalizeTransfer"): "Commits or dismisses a prepared transfer.",
    ("receive", "PendingBalanceChange"): "Applies a change that another shard has sent.",
    ("send", "PendingBalanceChange"): "Sends a change to the shard of the account.",
}


def channels() -> dict[str, Any]:
    """The channels of the AsyncAPI document."""
    return {channel.exchange: _channel(channel) for channel in CHANNELS}


def operations() -> dict[str, Any]:
    """The operations of the AsyncAPI document, as seen by the authority."""
    accounts_in, *others = CHANNELS
    result = {f"receive{name}": _receive(accounts_in, name) for name in accounts_in.messages}
    result["sendPendingBalanceChange"] = _send(
        accounts_in, ("PendingBalanceChange",), _SUMMARIES["send", "PendingBalanceChange"]
    )
    for channel in others:
        name = "".join(word.capitalize() for word in channel.exchange.split("_"))
        result[f"send{name}"] = _send(channel, channel.messages, channel.summary)
    return result


def _channel(channel: Channel) -> dict[str, Any]:
    return {
        "address": f"{{{channel.parameter}}}",
        "title": channel.title,
        "description": channel.description,
        "messages": {m: {"$ref": f"#/components/messages/{m}"} for m in channel.messages},
        "parameters": {
            channel.parameter: {
                "description": channel.parameter_description,
                "examples": list(channel.parameter_examples),
            }
        },
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": {
                    "name": channel.exchange,
                    "type": channel.exchange_type,
                    "durable": True,
                    "autoDelete": False,
                },
                "bindingVersion": BINDING_VERSION,
            }
        },
    }


def _messages(exchange: str, names: Iterable[str]) -> list[dict[str, str]]:
    return [{"$ref": f"#/channels/{exchange}/messages/{name}"} for name in names]


def _receive(channel: Channel, name: str) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{channel.exchange}"},
        "summary": _SUMMARIES["receive", name],
        "messages": _messages(channel.exchange, [name]),
        "bindings": {"amqp": {"ack": True, "bindingVersion": BINDING_VERSION}},
    }
    if name in _REPLIES:
        exchange, answers = _REPLIES[name]
        operation["reply"] = {
            "channel": {"$ref": f"#/channels/{exchange}"},
            "messages": _messages(exchange, answers),
        }
    return operation


def _send(channel: Channel, names: Iterable[str], summary: str) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "action": "send",
        "channel": {"$ref": f"#/channels/{channel.exchange}"},
        "summary": summary,
    }
    if channel.exchange == TO_DEBTORS_EXCHANGE:
        operation["description"] = (
            "The AccountUpdate of an account which is scheduled for deletion is not published as"
            " mandatory: its debtor may have no agent any more."
        )
    operation["messages"] = _messages(channel.exchange, names)
    operation["bindings"] = {
        "amqp": {"deliveryMode": 2, "mandatory": True, "bindingVersion": BINDING_VERSION}
    }
    return operation
