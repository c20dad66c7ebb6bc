"""Hears what is published to some exchanges."""

import os
import time
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any, Self, TypeVar
from uuid import uuid4

from agentkit.broker import connect, is_interrupted
from agentkit.keys import ACCOUNTS_IN, AGENTS_EXCHANGES
from agentkit.received import Received, receive
from agentkit.waiting import POLL_SECONDS, SECONDS_MAX, NotInTimeError

T = TypeVar("T")
Binding = tuple[str, str]
"""An exchange, and a binding key."""

EVERYTHING: tuple[Binding, ...] = tuple((name, "#") for name in (ACCOUNTS_IN, *AGENTS_EXCHANGES))
TO_AGENTS: tuple[Binding, ...] = tuple((name, "#") for name in AGENTS_EXCHANGES)
_PREFETCH_COUNT = 500
_SHOWN_COUNT = 10
_numbers = count(1)


class Heard:
    """What was received."""

    def __init__(self) -> None:
        self.messages: list[Received] = []

    def find(
        self, message_type: str | None = None, since: int = 0, **fields: Any
    ) -> list[Received]:
        """The messages of a type, with these fields, that have been received."""
        return [m for m in self.messages[since:] if m.matches(message_type, fields)]


class Observer(Heard):
    """Receives, while somebody waits for it, into a queue of its own."""

    queue_type = "classic"
    """Subclasses whose queue has to outlive a node of a cluster take `quorum`."""

    def __init__(
        self,
        url: str,
        bindings: Iterable[Binding] = EVERYTHING,
        *,
        is_exclusive: bool = False,
        **parameters: Any,
    ) -> None:
        """Begin to listen. `parameters` are those of `connect`. Raises what pika raises.

        An exclusive queue goes with its connection; into another one everybody can look.
        """
        super().__init__()
        self.queue = f"observer_{os.getpid()}_{next(_numbers)}"
        if is_exclusive:
            self.queue += f"_{uuid4()}"  # many machines may play
        self._url, self._parameters = url, parameters
        self._connection = connect(url, **parameters)
        self._channel = self._connection.channel()
        self._channel.queue_declare(
            self.queue,
            durable=not is_exclusive,
            exclusive=is_exclusive,
            arguments={"x-queue-type": self.queue_type},
        )
        for exchange, key in bindings:
            # A headers exchange ignores the routing key, and a topic exchange the arguments.
            self._channel.queue_bind(
                self.queue, exchange, routing_key=key, arguments={"x-match": "all"}
            )
        self._consume()

    def _consume(self) -> None:
        self._channel.basic_qos(prefetch_count=_PREFETCH_COUNT)
        self._channel.basic_consume(self.queue, self._on_message)

    def reconnect(self) -> None:
        """Go on with the same queue, where it is not exclusive. Raises what pika raises.

        What had not been acknowledged comes once more.
        """
        self._connection = connect(self._url, **self._parameters)
        self._channel = self._connection.channel()
        self._consume()

    def _on_message(self, channel: Any, method: Any, properties: Any, body: bytes) -> None:
        self.messages.append(receive(method, properties, body))
        channel.basic_ack(method.delivery_tag)

    def receive(self, seconds_max: float = POLL_SECONDS) -> None:
        """Receive for a moment, which ends when something has come."""
        self._connection.process_data_events(time_limit=seconds_max)

    def receive_all(self, seconds_max: float = SECONDS_MAX) -> None:
        """Receive until the broker has nothing more. Raises `NotInTimeError`."""
        end = time.monotonic() + seconds_max
        # The channel may be asked before it has passed on what the queue has given to it.
        empty_count = 0
        while empty_count < 2:
            declared = self._channel.queue_declare(self.queue, passive=True).method
            empty_count = empty_count + 1 if declared.message_count == 0 else 0
            if time.monotonic() >= end:
                raise NotInTimeError(f"{declared.message_count} messages are left in {self.queue}")
            self._connection.process_data_events(time_limit=0)

    def wait_for(
        self,
        predicate: Callable[[list[Received]], T],
        seconds_max: float = SECONDS_MAX,
        what: str = "",
    ) -> T:
        """Receive until the predicate of all messages returns something true. Returns that."""
        end = time.monotonic() + seconds_max
        while not (value := predicate(self.messages)):
            if time.monotonic() >= end:
                last = self.messages[-_SHOWN_COUNT:]
                raise NotInTimeError(f"not within {seconds_max:g} seconds: {what}; last: {last}")
            self.receive()
        return value

    def wait_message(
        self,
        message_type: str,
        *,
        since: int = 0,
        seconds_max: float = SECONDS_MAX,
        **fields: Any,
    ) -> Received:
        """Receive until there is a message of a type, with these fields."""
        found = self.wait_for(
            lambda _: self.find(message_type, since, **fields),
            seconds_max,
            f"{message_type} with {fields}",
        )
        return found[0]

    def close(self) -> None:
        """Disconnect, and receive nothing any more. The queue goes.

        At the end of a program that was interrupted, only an exclusive one goes.
        """
        if self._connection.is_open and not is_interrupted():
            self._channel.close()
            self._connection.channel().queue_delete(self.queue)
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
