"""Whether a message to an agent is as the protocol wants it, inside and around."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from agentkit.keys import (
    ACCOUNTS_IN,
    ROOT_CREDITOR_ID,
    TO_COORDINATORS,
    TO_CREDITORS,
    TO_DEBTORS,
    hex_key,
    unsigned,
)
from agentkit.messages import CONTENT_TYPE, Message
from agentkit.received import Received
from agentkit.rules import RULES, check_fields

COORDINATOR_MESSAGES = ("RejectedTransfer", "PreparedTransfer", "FinalizedTransfer")
APP_ID = "swpt_accounts"
# No node takes a message which is more ahead of its clock than this.
_AHEAD_MAX = timedelta(hours=2)
# Control characters must be escaped, and a text may have a backslash, itself escaped, before a "u".
_NEEDLESS_ESCAPE = re.compile(rb"(?<!\\)(?:\\\\)*\\u(?!00[01])")


def field_problems(message: Received) -> list[str]:
    """Says what is wrong with the body of a message."""
    data = message.data
    name = str(data.get("type"))
    if name not in RULES:
        return [f"the body is no message to an agent: {message.body[:300]!r}"]
    problems = check_fields(data) or _relations(data)
    return [f"{name}: {text}" for text in problems]


def problems_of(
    message: Received, *, now: datetime | None = None, age_max: timedelta | None = None
) -> list[str]:
    """Says what is wrong with a message; nothing with one that is for the authority itself.

    `now` is the time of the authority, if it is another one than here; without `age_max`, a
    message may be of any age.
    """
    if message.exchange == ACCOUNTS_IN:
        return []
    problems = field_problems(message)
    data = message.data
    name = str(data.get("type"))
    if name in RULES:
        problems += [f"{name}: {text}" for text in _dress(message)]
        problems += [f"{name}: {text}" for text in _check_ts(data.get("ts"), now, age_max)]
    return problems


def _relations(data: Message) -> Iterator[str]:
    """Rules between the fields of one message."""
    own_id = unsigned(data["creditor_id"])
    match data["type"]:
        case "AccountUpdate":
            if data["account_id"] != own_id:
                yield f"account_id: expected {own_id!r}, came {data['account_id']!r}"
            if datetime.fromisoformat(data["ts"]) < datetime.fromisoformat(data["last_change_ts"]):
                yield "ts is before last_change_ts"
        case "AccountTransfer":
            role = "sender" if data["acquired_amount"] < 0 else "recipient"
            if data[role] != own_id:
                yield f"{role}: expected {own_id!r}, came {data[role]!r}"
            if not data["previous_transfer_number"] < data["transfer_number"]:
                yield "transfer_number does not grow"
        case "FinalizedTransfer" if data["status_code"] != "OK" and data["committed_amount"]:
            yield f"{data['status_code']} with a committed amount"


def _dress(message: Received) -> Iterator[str]:
    """What is wrong around the fields."""
    data = message.data
    expected = {
        "content_type": CONTENT_TYPE,
        "delivery_mode": 2,
        "type": data["type"],
        "app_id": APP_ID,
    }
    found = {name: getattr(message.properties, name) for name in expected}
    yield from _differences("AMQP property", expected, found)
    yield from _differences("header", _expected_headers(data), message.properties.headers or {})
    yield from _check_route(message)
    if _NEEDLESS_ESCAPE.search(message.body):
        yield "text is written with \\u escapes"
    if not _has_single_names(message.body):
        yield "a field is there twice"


def _expected_headers(data: Message) -> dict[str, Any]:
    headers = {
        "message-type": data["type"],
        "debtor-id": data.get("debtor_id"),
        "creditor-id": data.get("creditor_id"),
    }
    for name in ("coordinator_id", "coordinator_type"):
        # A header for a field that the message has not must not be there either.
        headers[name.replace("_", "-")] = data.get(name)
    return headers


def _check_route(message: Received) -> Iterator[str]:
    data = message.data
    if data["type"] in COORDINATOR_MESSAGES:
        exchange, target = TO_COORDINATORS, data.get("coordinator_id")
    elif data.get("creditor_id") == ROOT_CREDITOR_ID:
        exchange, target = TO_DEBTORS, data.get("debtor_id")
    else:
        exchange, target = TO_CREDITORS, data.get("creditor_id")
    if type(target) is not int or not -(1 << 63) <= target < 1 << 63:
        return  # the check of the fields reports it
    expected = {"exchange": exchange, "routing key": hex_key(target)}
    found = {"exchange": message.exchange, "routing key": message.routing_key}
    yield from _differences("", expected, found)
    if data["type"] == "AccountTransfer" and data.get("creditor_id") == ROOT_CREDITOR_ID:
        yield "an AccountTransfer must never be sent for a debtor's account"


def _check_ts(ts: Any, now: datetime | None, age_max: timedelta | None) -> Iterator[str]:
    try:
        age = (now or datetime.now(UTC)) - datetime.fromisoformat(ts)
    except (TypeError, ValueError):
        return  # the check of the fields reports it
    if age < -_AHEAD_MAX:
        yield f"ts is in the future: {ts}"
    if age_max is not None and age > age_max:
        yield f"ts is long ago: {ts}"


def _has_single_names(body: bytes) -> bool:
    sizes: list[tuple[int, int]] = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        sizes.append((len(pairs), len(dict(pairs))))

    json.loads(body, object_pairs_hook=note)
    return all(all_count == names_count for all_count, names_count in sizes)


def _differences(what: str, expected: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    return [
        f"{what} {name}: expected {value!r}, came {found.get(name)!r}".lstrip()
        for name, value in expected.items()
        if found.get(name) != value or type(found.get(name)) is not type(value)
    ]
