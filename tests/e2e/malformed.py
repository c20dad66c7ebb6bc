"""Messages that break a rule of the protocol, of all kinds."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from agentkit.keys import bits_key
from agentkit.messages import balance_change, configure, finalize, prepare

DEBTOR_ID = 3
CREDITOR_ID = 2**33

Build = Callable[[], dict[str, Any]]


@dataclass(frozen=True)
class Malformed:
    """A message, and the properties with which it is sent."""

    what: str
    body: bytes
    properties: dict[str, Any] = field(default_factory=dict)
    routing_key: str = bits_key(DEBTOR_ID, CREDITOR_ID)


def _configure() -> dict[str, Any]:
    return configure(DEBTOR_ID, CREDITOR_ID)


def _prepare() -> dict[str, Any]:
    return prepare(DEBTOR_ID, CREDITOR_ID, 7, 5)


def _finalize() -> dict[str, Any]:
    return finalize({**_prepare(), "transfer_id": 1}, 5)


def _change() -> dict[str, Any]:
    return balance_change(DEBTOR_ID, CREDITOR_ID, 7, 5)


# For each type: its fields with values that they may not have.
_INT32 = (2**31, -(2**31) - 1, 1.0, "1", True, None, 10**30)
_INT64 = (2**63, -(2**63) - 1, 1.0, "1", False, None, 10**400)
_AMOUNT = (-1, 2**63, 1.0, "1")
_MOMENT = (
    "2024-05-20T13:15:09",
    "2024-05-20",
    "20 May 2024",
    "",
    0,
    None,
    "2024-05-20T13:15:09+99:00",
    "2024-13-20T13:15:09+00:00",
    "10000-01-01T00:00:00+00:00",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
)
_COORDINATOR_TYPE = ("", "a" * 31, "dirèct", "\0", 5, None)
_NOTE = ("n" * 501, "ü" * 251, "\0", "\ud800", 5, None)
_NOTE_FORMAT = ("A\n", "a" * 9, "_", "ü", None)
# (A newline after it is let through with a change: its sender has been debited.)
_CHANGE_NOTE_FORMAT = ("A\n\n", *_NOTE_FORMAT[1:])

_WRONG: dict[Build, dict[str, tuple[Any, ...]]] = {
    _configure: {
        "debtor_id": _INT64,
        "creditor_id": _INT64,
        "negligible_amount": (-1.0, -1, "1.0", None, True, float("nan"), float("inf")),
        "config_flags": _INT32,
        "config_data": ("c" * 2001, "ü" * 1001, "\0", "\ud800", 5, None, {}),
        "ts": _MOMENT,
        "seqnum": _INT32,
    },
    _prepare: {
        "coordinator_type": (*_COORDINATOR_TYPE, "issuing", "agent"),
        "coordinator_id": (*_INT64, CREDITOR_ID + 1),
        "coordinator_request_id": _INT64,
        "min_locked_amount": (*_AMOUNT, 6),
        "max_locked_amount": (*_AMOUNT, 4),
        "recipient": ("1" * 101, "ü", "\0", 7, None),
        "final_interest_rate_ts": _MOMENT[:-3],
        "max_commit_delay": (-1, *_INT32),
        "ts": _MOMENT,
    },
    _finalize: {
        "transfer_id": _INT64,
        "coordinator_type": _COORDINATOR_TYPE,
        "committed_amount": _AMOUNT,
        "transfer_note": _NOTE,
        "transfer_note_format": _NOTE_FORMAT,
        "ts": _MOMENT,
    },
    _change: {
        "other_creditor_id": _INT64,
        "change_id": _INT64,
        "principal_delta": (*_INT64, 0, -(2**63)),
        "coordinator_type": _COORDINATOR_TYPE,
        "transfer_note": _NOTE,
        "transfer_note_format": _CHANGE_NOTE_FORMAT,
        "committed_at": _MOMENT,
    },
}


def _encode(message: Any) -> bytes:
    try:
        return json.dumps(message, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(message).encode()


def _wrong_fields() -> Iterator[Malformed]:
    for build, fields in _WRONG.items():
        message = build()
        name = message["type"]
        for field_name in sorted(set(message) - {"type"}):
            rest = {k: v for k, v in message.items() if k != field_name}
            yield Malformed(f"{name} without {field_name}", _encode(rest), {"type": name})
        for field_name, values in fields.items():
            for value in values:
                body = _encode({**message, field_name: value})
                yield Malformed(f"{name}.{field_name} = {value!r:.40}", body, {"type": name})


def _wrong_bodies() -> Iterator[Malformed]:
    good = _encode(_configure())
    bodies = {
        "nothing": b"",
        "no JSON": b"hello",
        "two documents": good + good,
        "cut off": good[:-1],
        "null": b"null",
        "a number": b"5",
        "a list": b"[" + good + b"]",
        "no UTF-8": good[:-1] + b', "x": "\xff"}',
        "a byte order mark": b"\xef\xbb\xbf" + good,
        "UTF-16": good.decode().encode("utf-16"),
        "deep": b"[" * 100_000,
        "deep in a field": good[:-1] + b', "config_data": ' + b"[" * 5000 + b"]" * 5000 + b"}",
        "many digits": good[:-1] + b', "seqnum": ' + b"9" * 100_000 + b"}",
        "a large number": good[:-1] + b', "negligible_amount": 1e400}',
        "a comma too much": good[:-1] + b",}",
        "a control character": good[:-1] + b', "config_data": "\x01"}',
    }
    for what, body in bodies.items():
        yield Malformed(what, body, {"type": "ConfigureAccount"})


def _wrong_properties() -> Iterator[Malformed]:
    good = _encode(_configure())
    name = "ConfigureAccount"
    yield Malformed("no type", good)
    for wrong in ("PrepareTransfer", "AccountUpdate", "configureaccount", "", "Nonsense"):
        yield Malformed(f"type {wrong}", good, {"type": wrong})
    untyped = _encode({k: v for k, v in _configure().items() if k != "type"})
    yield Malformed("no type in the body", untyped, {"type": name})
    yield Malformed("type 5 in the body", _encode({**_configure(), "type": 5}), {"type": name})
    for wrong in ("text/plain", "", "application/json; charset=utf-8", "Application/JSON"):
        properties = {"type": name, "content_type": wrong}
        yield Malformed(f"content type {wrong}", good, properties)


def all_malformed() -> list[Malformed]:
    """All of them."""
    return [*_wrong_properties(), *_wrong_bodies(), *_wrong_fields()]
