"""Stands for `pika.SelectConnection`: the event loop takes and confirms what was published."""

from collections import deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pika
from pika import spec
from pika.exceptions import AMQPConnectionError, ChannelClosedByBroker, StreamLostError

from verification.simulation.broker import Message, SimBroker, describe
from verification.simulation.world import World

_NOT_FOUND = 404
_NO_ROUTE = 312


class SimLoop:
    """The event loop of a connection."""

    def __init__(self, connection: "SimSelectConnection") -> None:
        self._connection = connection
        self._timers: list[tuple[float, Callable[[], None]]] = []
        self._is_stopped = False

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Any:
        timer = (self._connection.world.clock.monotonic + seconds, callback)
        self._timers.append(timer)
        return timer

    def remove_timeout(self, timer: Any) -> None:
        if timer in self._timers:
            self._timers.remove(timer)

    def stop(self) -> None:
        self._is_stopped = True

    def close(self) -> None:
        pass

    def start(self) -> None:
        self._is_stopped = False
        connection, clock = self._connection, self._connection.world.clock
        while not self._is_stopped:
            connection.work()
            if connection.events:
                connection.events.popleft()()
                continue
            due = [timer for timer in self._timers if timer[0] <= clock.monotonic]
            if due:
                self._timers.remove(due[0])
                due[0][1]()
                continue
            rest = min(at for at, _ in self._timers) - clock.monotonic
            connection.world.kernel.wait(rest, lambda: bool(connection.events))


class SimSelectConnection:
    """A connection that publishes."""

    def __init__(
        self,
        world: World,
        broker: SimBroker,
        _parameters: Any,
        on_open_callback: Callable[..., None],
        on_open_error_callback: Callable[..., None],
        on_close_callback: Callable[..., None],
    ) -> None:
        self.world, self.broker = world, broker
        self.ioloop = SimLoop(self)
        self.events: deque[Callable[[], None]] = deque()
        self.is_open = False
        self.is_closed = False
        self.is_closing = False
        self.channel_made: SimChannel | None = None
        self._on_close = on_close_callback
        self._process = world.process()
        fault = world.boundary("mq-before", "connect a publisher")
        if world.is_away("mq") or (fault is not None and fault.kind.startswith("mq-")):
            self.is_closed = True
            error = AMQPConnectionError("connection refused")
            self.events.append(lambda: on_open_error_callback(self, error))
            return
        if self._process is not None:
            self._process.connections.append(self)
        self.is_open = True
        self.events.append(lambda: on_open_callback(self))

    def add_on_connection_blocked_callback(self, _callback: Callable[..., None]) -> None:
        pass

    def add_on_connection_unblocked_callback(self, _callback: Callable[..., None]) -> None:
        pass

    def channel(self, on_open_callback: Callable[..., None]) -> None:
        channel = self.channel_made = SimChannel(self)
        self.events.append(lambda: on_open_callback(channel))

    def work(self) -> None:
        """Let the broker take what was published."""
        fault = self.world.boundary("mq-before", "look at the connection")
        if fault is not None and fault.kind.startswith("mq-"):
            self.lose()
        if self.is_open and self.channel_made is not None:
            self.channel_made.work()

    def lose(self) -> None:
        """Lose the connection: what is not taken will not be, and no confirm comes any more."""
        if not self.is_open:
            return
        self.is_open, self.is_closed = False, True
        self._leave()
        self.events.clear()
        error = StreamLostError("the connection is lost")
        self.events.append(lambda: self._on_close(self, error))

    def close(self) -> None:
        self.is_open, self.is_closed = False, True
        self._leave()
        self.events.clear()

    def _leave(self) -> None:
        if self._process is not None and self in self._process.connections:
            self._process.connections.remove(self)

    def _get_write_buffer_size(self) -> int:
        return 0

    def _terminate_stream(self, _error: BaseException) -> None:
        pass


class SimChannel:
    """A channel of such a connection, with confirms."""

    def __init__(self, connection: SimSelectConnection) -> None:
        self._connection = connection
        self._outgoing: deque[tuple[Message, bool]] = deque()
        self._last_tag = 0
        self._on_close: Callable[..., None] | None = None
        self._on_return: Callable[..., None] | None = None
        self._on_confirm: Callable[..., None] | None = None

    def add_on_close_callback(self, callback: Callable[..., None]) -> None:
        self._on_close = callback

    def add_on_return_callback(self, callback: Callable[..., None]) -> None:
        self._on_return = callback

    def confirm_delivery(self, on_confirm: Callable[..., None], callback: Any) -> None:
        self._on_confirm = on_confirm
        self._connection.events.append(lambda: callback(None))

    def queue_declare(self, queue: str, passive: bool, callback: Callable[..., None]) -> None:
        assert passive
        broker, events = self._connection.broker, self._connection.events
        if queue in broker.queues:
            method = SimpleNamespace(message_count=broker.count(queue))
            events.append(lambda: callback(SimpleNamespace(method=method)))
        elif self._on_close is not None:
            on_close, error = self._on_close, ChannelClosedByBroker(_NOT_FOUND, "NOT_FOUND")
            events.append(lambda: on_close(self, error))

    def basic_publish(
        self,
        exchange: str,
        routing_key: str,
        body: bytes,
        properties: pika.BasicProperties,
        mandatory: bool,
    ) -> None:
        self._outgoing.append((Message(exchange, routing_key, properties, body), mandatory))

    def work(self) -> None:
        """Let the broker take the messages, one after the other, and confirm them in any order."""
        connection, confirms = self._connection, []
        while self._outgoing:
            message, mandatory = self._outgoing.popleft()
            fault = connection.world.boundary("mq-take", describe(message))
            if fault is not None and fault.kind in ("mq-lost", "mq-away"):
                connection.lose()
                return
            if fault is not None and fault.kind == "mq-unroutable":
                connection.broker.unbind_agents()
            self._last_tag += 1
            is_rejected = fault is not None and fault.kind == "mq-nack"
            if not is_rejected and not connection.broker.publish(message) and mandatory:
                self._return(message)
            confirms.append((self._last_tag, is_rejected))
        if not confirms:
            return
        fault = connection.world.boundary("mq-after", "taken", may_switch=False)
        if fault is not None and fault.kind.startswith("mq-"):
            connection.lose()
            return
        self._confirm(confirms)

    def _return(self, message: Message) -> None:
        method = SimpleNamespace(
            reply_code=_NO_ROUTE,
            reply_text="NO_ROUTE",
            exchange=message.exchange,
            routing_key=message.routing_key,
        )
        on_return = self._on_return
        assert on_return is not None
        self._connection.events.append(
            lambda: on_return(self, method, message.properties, message.body)
        )

    def _confirm(self, confirms: list[tuple[int, bool]]) -> None:
        random = self._connection.world.random
        if random.random() < 0.5 and not any(is_rejected for _, is_rejected in confirms):
            self._add_confirm(spec.Basic.Ack(delivery_tag=confirms[-1][0], multiple=True))
            return
        random.shuffle(confirms)
        for tag, is_rejected in confirms:
            kind = spec.Basic.Nack if is_rejected else spec.Basic.Ack
            self._add_confirm(kind(delivery_tag=tag))

    def _add_confirm(self, method: Any) -> None:
        on_confirm = self._on_confirm
        assert on_confirm is not None
        self._connection.events.append(lambda: on_confirm(SimpleNamespace(method=method)))
