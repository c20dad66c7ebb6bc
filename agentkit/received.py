"""A message as it was received, by whoever listens at an exchange or takes it out of a queue."""

import json
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pika

from agentkit.messages import Message


@dataclass(frozen=True)
class Received:
    """A message. `received_at` is when it came, by `time.monotonic`."""

    exchange: str
    routing_key: str
    properties: pika.BasicProperties
    body: bytes
    received_at: float = field(default_factory=time.monotonic)

    @property
    def type(self) -> str | None:
        """The type in the properties."""
        name: str | None = self.properties.type
        return name

    @property
    def data(self) -> Message:
        """The fields of the message, for the caller to keep; none if the body is no JSON object."""
        return self._fields.copy()

    @cached_property
    def _fields(self) -> Message:
        try:
            document = json.loads(self.body.decode())
        except (ValueError, RecursionError):
            return {}
        return document if isinstance(document, dict) else {}

    def matches(self, message_type: str | None, fields: dict[str, Any]) -> bool:
        """Whether the message is of a type (None: of any), and has these fields."""
        if message_type is not None and self.type != message_type:
            return False
        found = self._fields
        return all(name in found and found[name] == value for name, value in fields.items())

    def __repr__(self) -> str:
        return f"<{self.exchange} {self.routing_key} {self.body[:600]!r}>"


def receive(method: Any, properties: pika.BasicProperties, body: bytes) -> Received:
    """The message that pika hands over."""
    if properties.headers is not None:
        properties.headers = {name: _plain(value) for name, value in properties.headers.items()}
    return Received(method.exchange, method.routing_key, properties, body)


def _plain(value: Any) -> Any:
    """Undoes that a large integer comes as an object of a class of pika's own."""
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value
