"""What the authority says: one AMQP message, and whether its form is as the protocol wants it."""

import json
import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from .rules import RULES, check_fields
from .wire import ROOT_CREDITOR_ID, Message, hex_key

Key = tuple[Hashable, ...]
"""Identifies the message of an agent that is answered, or the transfer that is reported."""

_COORDINATOR_MESSAGES = ("RejectedTransfer", "PreparedTransfer", "FinalizedTransfer")
_COORDINATOR = ("coordinator_type", "coordinator_id", "coordinator_request_id")
# No node takes a message which is more ahead of its clock than this.
_MAX_AHEAD = timedelta(hours=2)


@dataclass(frozen=True)
class Answer:
    """A message from the authority. `seconds` is when it came, by the clock of the link."""

    exchange: str
    routing_key: str
    properties: Mapping[str, Any]
    headers: Mapping[str, Any]
    body: bytes
    seconds: float

    @cached_property
    def message(self) -> Message:
        """The fields of the message; none if the body is no JSON object."""
        try:
            document = json.loads(self.body.decode(), parse_constant=lambda _: math.nan)
        except (ValueError, RecursionError):
            return {}
        return document if isinstance(document, dict) else {}

    @property
    def type(self) -> str:
        """The type of the message."""
        return str(self.message.get("type"))

    @cached_property
    def field_problems(self) -> list[str]:
        """What is wrong with the body of the message."""
        if self.type not in RULES:
            return [f"the body is no message to an agent: {self.body[:300]!r}"]
        return [f"{self.type}: {text}" for text in check_fields(self.message)]

    @cached_property
    def problems(self) -> list[str]:
        """What is wrong with the form of the message; empty when all is right."""
        if self.type not in RULES:
            return self.field_problems
        return self.field_problems + [f"{self.type}: {text}" for text in _dress(self)]

    @property
    def key(self) -> Key:
        """What the message is about. Raises `KeyError`, `TypeError` or `ValueError`."""
        key = key_of(self.message)
        hash(key)
        return key


def key_of(message: Message) -> Key:
    """What a message is about. Messages that answer the same question have the same key."""
    if message["type"] in _COORDINATOR_MESSAGES:
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


def _dress(answer: Answer) -> list[str]:
    """Says what is wrong around a message's fields."""
    expected = {
        "content_type": "application/json",
        "delivery_mode": 2,
        "type": answer.type,
        "app_id": "swpt_accounts",
    }
    problems = _differences("AMQP property", expected, answer.properties)
    problems += _check_headers(answer)
    problems += _check_route(answer)
    if b"\\u" in answer.body and any(ord(c) > 0x7F for c in str(answer.message)):
        problems.append("text is written with \\u escapes")
    problems += _check_ts(answer.message.get("ts"))
    return problems


def _check_headers(answer: Answer) -> list[str]:
    message = answer.message
    expected = {
        "message-type": answer.type,
        "debtor-id": message.get("debtor_id"),
        "creditor-id": message.get("creditor_id"),
    }
    for name in ("coordinator_id", "coordinator_type"):
        # A header for a field that the message has not must not be there either.
        expected[name.replace("_", "-")] = message.get(name)
    return _differences("header", expected, answer.headers)


def _check_route(answer: Answer) -> list[str]:
    message = answer.message
    if answer.type in _COORDINATOR_MESSAGES:
        exchange, target = "to_coordinators", message.get("coordinator_id")
    elif message.get("creditor_id") == ROOT_CREDITOR_ID:
        exchange, target = "to_debtors", message.get("debtor_id")
    else:
        exchange, target = "to_creditors", message.get("creditor_id")
    if type(target) is not int or not -(1 << 63) <= target < 1 << 63:
        return []  # the check of the fields reports it
    expected = {"exchange": exchange, "routing key": hex_key(target)}
    found = {"exchange": answer.exchange, "routing key": answer.routing_key}
    problems = _differences("", expected, found)
    if answer.type == "AccountTransfer" and message.get("creditor_id") == ROOT_CREDITOR_ID:
        problems.append("an AccountTransfer must never be sent for a debtor's account")
    return problems


def _check_ts(ts: Any) -> list[str]:
    try:
        is_ahead = datetime.fromisoformat(ts) > datetime.now(UTC) + _MAX_AHEAD
    except (TypeError, ValueError):
        return []  # the check of the fields reports it
    return [f"ts is in the future: {ts}"] if is_ahead else []


def _differences(what: str, expected: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    return [
        f"{what} {name}: expected {value!r}, came {found.get(name)!r}".lstrip()
        for name, value in expected.items()
        if found.get(name) != value or type(found.get(name)) is not type(value)
    ]
