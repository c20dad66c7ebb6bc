"""Stands for `pika.BlockingConnection`."""

from collections import deque
from collections.abc import Callable
from typing import Any

import pika
from pika import spec
from pika.exceptions import AMQPConnectionError, StreamLostError, UnroutableError

from verification.simulation.broker import Message, SimBroker
from verification.simulation.world import World, is_stopping


class SimBlockingConnection:
    """A connection that consumes, and may publish now and then."""

    def __init__(self, world: World, broker: SimBroker, _parameters: Any) -> None:
        self.world, self.broker = world, broker
        self.is_open = False
        self._consumers: list[SimBlockingChannel] = []
        self._process = world.process()
        fault = world.boundary("mq-before", "connect a consumer")
        if world.is_away("mq") or (fault is not None and fault.kind.startswith("mq-")):
            raise AMQPConnectionError("connection refused")
        self.is_open = True
        if self._process is not None:
            self._process.connections.append(self)

    def channel(self) -> "SimBlockingChannel":
        self.step("open a channel")
        channel = SimBlockingChannel(self)
        self._consumers.append(channel)
        return channel

    def step(self, label: str, *, when: str = "mq-before") -> None:
        """Come to a boundary. Raises `AMQPError` when the connection is lost."""
        fault = self.world.boundary(when, label, may_switch=when == "mq-before")
        if fault is not None and fault.kind.startswith("mq-"):
            self.lose()
        if not self.is_open:
            raise StreamLostError("the connection is lost")

    def process_data_events(self, time_limit: float | None = 0) -> None:
        self.step("look for messages")
        if time_limit != 0 and not self._has_deliveries():
            self.world.kernel.wait(
                time_limit,
                lambda: not self.is_open or self._has_deliveries() or is_stopping(self._process),
            )
        if not self.is_open:
            raise StreamLostError("the connection is lost")
        for channel in self._consumers:
            channel.deliver()

    def _has_deliveries(self) -> bool:
        return any(channel.deliverable_count() for channel in self._consumers)

    def add_callback_threadsafe(self, callback: Callable[[], None]) -> None:
        callback()

    def lose(self) -> None:
        """End the connection; what is not acknowledged goes back."""
        if self.is_open:
            self.is_open = False
            for channel in self._consumers:
                channel.give_back()
            if self._process is not None and self in self._process.connections:
                self._process.connections.remove(self)

    def close(self) -> None:
        self.step("disconnect")
        self.lose()


class SimBlockingChannel:
    """A channel of such a connection."""

    def __init__(self, connection: SimBlockingConnection) -> None:
        self._connection = connection
        self._queue: str | None = None
        self._on_delivery: Callable[..., None] | None = None
        self._prefetch_count = 1
        self._last_tag = 0
        self._unacked: dict[int, Message] = {}

    @property
    def is_open(self) -> bool:
        return self._connection.is_open

    def basic_qos(self, prefetch_size: int, prefetch_count: int) -> None:
        self._prefetch_count = prefetch_count

    def basic_consume(
        self, queue: str, callback: Callable[..., None], *, arguments: dict[str, Any]
    ) -> str:
        self._connection.step(f"consume {queue}")
        self._queue, self._on_delivery = queue, callback
        return "consumer"

    def add_on_cancel_callback(self, _callback: Callable[..., None]) -> None:
        pass

    def deliverable_count(self) -> int:
        if self._queue is None:
            return 0
        room = self._prefetch_count - len(self._unacked)
        return min(room, self._connection.broker.count(self._queue))

    def deliver(self) -> None:
        """Deliver some of what there is."""
        count = self.deliverable_count()
        if not count or self._queue is None or self._on_delivery is None:
            return
        random = self._connection.world.random
        waiting: deque[Message] = self._connection.broker.queues[self._queue]
        for _ in range(random.choice((count, random.randint(1, count)))):
            message = waiting.popleft()
            self._last_tag += 1
            self._unacked[self._last_tag] = message
            method = spec.Basic.Deliver(
                consumer_tag="consumer",
                delivery_tag=self._last_tag,
                redelivered=message.returns_count > 0,
                exchange=message.exchange,
                routing_key=message.routing_key,
            )
            self._on_delivery(self, method, message.received_properties(), message.body)

    def basic_ack(self, delivery_tag: int, multiple: bool = False) -> None:
        self._connection.step(f"ack {delivery_tag} {multiple}")
        for tag in self._tags(delivery_tag, multiple=multiple):
            del self._unacked[tag]
        self._connection.step("", when="mq-after")

    def basic_nack(self, delivery_tag: int, multiple: bool, requeue: bool) -> None:
        self._connection.step(f"nack {delivery_tag} {multiple}")
        assert requeue
        tags = self._tags(delivery_tag, multiple=multiple)
        assert self._queue is not None
        self._connection.broker.give_back(self._queue, [self._unacked.pop(t) for t in tags])

    def _tags(self, delivery_tag: int, *, multiple: bool) -> list[int]:
        assert delivery_tag in self._unacked or multiple, f"unknown delivery tag {delivery_tag}"
        return [t for t in self._unacked if t == delivery_tag or (multiple and t < delivery_tag)]

    def basic_cancel(self, _consumer_tag: str) -> None:
        self._connection.step("cancel")
        self._on_delivery = None

    def confirm_delivery(self) -> None:
        pass

    def basic_publish(
        self,
        exchange: str,
        routing_key: str,
        body: bytes,
        properties: pika.BasicProperties,
        mandatory: bool,
    ) -> None:
        self._connection.step(f"publish to {routing_key}")
        if not self._connection.broker.publish(Message(exchange, routing_key, properties, body)):
            raise UnroutableError([])
        self._connection.step("", when="mq-after")

    def give_back(self) -> None:
        """The connection is lost."""
        if self._queue is not None and self._unacked:
            self._connection.broker.give_back(self._queue, list(self._unacked.values()))
        self._unacked.clear()
        self._on_delivery = None
