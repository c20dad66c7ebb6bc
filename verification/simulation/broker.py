"""A broker in memory: queues that deliver again what was not acknowledged."""

import copy
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pika

from agentkit.keys import ACCOUNTS_IN

INBOX: Final = "swpt_accounts"
CHORES: Final = "swpt_accounts_chores"
AGENTS: Final = "agents"
UNBOUND_SECONDS: Final = 5.0


@dataclass
class Message:
    """A message in a queue."""

    exchange: str
    routing_key: str
    properties: pika.BasicProperties
    body: bytes
    returns_count: int = 0

    def received_properties(self) -> pika.BasicProperties:
        """A copy that the consumer may change."""
        properties = copy.copy(self.properties)
        properties.headers = dict(properties.headers or {})
        if self.returns_count:
            properties.headers["x-delivery-count"] = self.returns_count
        return properties


class SimBroker:
    """Queues by their names."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.queues: dict[str, deque[Message]] = {
            name: deque() for name in (INBOX, CHORES, AGENTS, f"{INBOX}.XQ", f"{CHORES}.XQ")
        }
        self._monotonic = monotonic
        self._unbound_until = 0.0

    def unbind_agents(self) -> None:
        """For a while, no queue takes what is sent to the agents."""
        self._unbound_until = self._monotonic() + UNBOUND_SECONDS

    def publish(self, message: Message) -> bool:
        """Route a message. Returns whether a queue has taken it."""
        queue = self.queues.get(self._queue_of(message))
        if queue is None:
            return False
        queue.append(message)
        return True

    def _queue_of(self, message: Message) -> str:
        if message.exchange == "":
            return str(message.routing_key)
        if message.exchange == ACCOUNTS_IN:
            return INBOX
        return "" if self._monotonic() < self._unbound_until else AGENTS

    def give_back(self, queue: str, messages: list[Message]) -> None:
        """Put messages back to the places that they came from."""
        for message in messages:
            message.returns_count += 1
        self.queues[queue].extendleft(reversed(messages))

    def count(self, queue: str) -> int:
        return len(self.queues[queue])


def describe(message: Message) -> Any:
    """A message in a line of the trace."""
    return f"{message.exchange}/{message.routing_key} {message.body.decode(errors='replace')}"
