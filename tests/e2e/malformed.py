"""Messages that break a rule of the protocol, of all kinds."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from agentkit.keys import bits_key
from agentkit.messages import balance_change, configure, finalize, prepare

DEBTOR_ID = 3
CREDITOR_ID = 2**33


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


def _encode(message: Any) -> bytes:
    try:
        return json.dumps(message, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(message).encode()


def _wrong_fields() -> Iterator[Malformed]:
    """Without each field, and with null in it; what else is wrong, the decoder's tests know."""
    for build in (_configure, _prepare, _finalize, _change):
        message = build()
        name = message["type"]
        for field_name in sorted(set(message) - {"type"}):
            rest = {k: v for k, v in message.items() if k != field_name}
            yield Malformed(f"{name} without {field_name}", _encode(rest), {"type": name})
            null = _encode({**message, field_name: None})
            yield Malformed(f"{name}.{field_name} is null", null, {"type": name})


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
