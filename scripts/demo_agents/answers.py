"""What a message from the authority is about."""

from collections.abc import Hashable
from datetime import datetime

from agentkit.checks import COORDINATOR_MESSAGES
from agentkit.messages import Message

Key = tuple[Hashable, ...]
"""Identifies the message of an agent that is answered, or the transfer that is reported."""

_COORDINATOR = ("coordinator_type", "coordinator_id", "coordinator_request_id")


def key_of(message: Message) -> Key:
    """What a message is about. Messages that answer the same question have the same key.

    Raises `KeyError`, `TypeError` or `ValueError` when the message does not tell.
    """
    key = _key_of(message)
    hash(key)
    return key


def _key_of(message: Message) -> Key:
    if message["type"] in COORDINATOR_MESSAGES:
        stage = "finalize" if message["type"] == "FinalizedTransfer" else "prepare"
        return (stage, *(message[name] for name in _COORDINATOR))
    account = (message["debtor_id"], message["creditor_id"])
    if message["type"] == "AccountTransfer":
        return ("transfer", *account, message["transfer_note"])
    if message["type"] == "AccountPurge":
        return ("purge", *account)
    prefix = "last_config" if message["type"] == "AccountUpdate" else "config"
    ts = datetime.fromisoformat(message[f"{prefix}_ts"])
    return ("configure", *account, ts, message[f"{prefix}_seqnum"])


def describe(key: Key) -> str:
    """Says in words which message has a key."""
    stage, *rest = key
    if stage in ("prepare", "finalize"):
        name = "PreparedTransfer" if stage == "prepare" else "FinalizedTransfer"
        return "{} for the {} coordinator {}, request {}".format(name, *rest)
    if stage == "transfer":
        return "AccountTransfer for the account ({}, {}), with the note {!r}".format(*rest)
    if stage == "purge":
        return "AccountPurge for the account ({}, {})".format(*rest)
    return "AccountUpdate for the account ({}, {}), configured at {}, seqnum {}".format(*rest)
