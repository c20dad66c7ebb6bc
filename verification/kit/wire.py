"""Messages as dicts: to the wire, and back.

Such a dict has the message's `type` and its fields; moments are aware datetimes in UTC.
"""

import json
from datetime import date, datetime
from typing import Any

import msgspec
import pika

from swpt_accounts.broker.consumer import Delivery
from swpt_accounts.smp.types import CONTENT_TYPE

Message = dict[str, Any]


def make_delivery(message: Message, *, is_redelivered: bool = False) -> Delivery:
    """The message as the broker would deliver it."""
    properties = pika.BasicProperties(type=message["type"], content_type=CONTENT_TYPE)
    body = json.dumps(message, ensure_ascii=False, default=_to_wire).encode()
    return Delivery(0, "", is_redelivered, properties, body)


def _to_wire(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value))


def read_struct(message: msgspec.Struct) -> Message:
    """An outgoing message as a dict, its moments, dates and bytes parsed."""
    fields: Message = msgspec.to_builtins(message)
    return {name: _from_wire(name, value) for name, value in fields.items()}


def _from_wire(name: str, value: Any) -> Any:
    if name == "deadline" or name.endswith(("ts", "_at")):
        return datetime.fromisoformat(value)
    if name == "creation_date":
        return date.fromisoformat(value)
    if name == "debtor_info_sha256":
        return bytes.fromhex(value)
    return value
