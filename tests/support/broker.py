"""A virtual host for the tests of a module, and ways to look at it."""

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlsplit

import pika
import pytest
import requests
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker

T = TypeVar("T")

OWN_CONNECTION = "tests"
EXCHANGES = ("accounts_in", "to_creditors", "to_debtors", "to_coordinators")
_POLL_SECONDS = 0.05
_SHOWN_COUNT = 10
_numbers = count(1)


def _require(variable: str) -> str:
    value = os.environ.get(variable)
    if not value:
        pytest.exit(f"{variable} is not set: run the tests with ./dev test", returncode=2)
    return value


def wait_until(condition: Callable[[], T], seconds_max: float = 15.0, what: str = "") -> T:
    """Wait until the condition returns something true, and return that."""
    end = time.monotonic() + seconds_max
    while not (value := condition()):
        assert time.monotonic() < end, f"not within {seconds_max} seconds: {what or condition}"
        time.sleep(_POLL_SECONDS)
    return value


class Management:
    """The management API of the broker: what AMQP itself does not tell."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._user = parts.username or "guest"
        self._base = f"{parts.scheme}://{parts.hostname}:{parts.port}/api"
        self._session = requests.Session()
        self._session.auth = (self._user, parts.password or "guest")

    def request(self, method: str, *path: str, body: Any = None) -> Any:
        """Call the API. Returns the answer; None if there is no such thing."""
        url = "/".join((self._base, *(quote(part, safe="") for part in path)))
        response = self._session.request(method, url, json=body, timeout=15)
        if response.status_code == 404:
            return None
        response.raise_for_status()
        return response.json() if response.content else True

    def create_vhost(self, vhost: str) -> None:
        self.request("PUT", "vhosts", vhost)
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        self.request("PUT", "permissions", vhost, self._user, body=everything)

    def delete_vhost(self, vhost: str) -> None:
        self.request("DELETE", "vhosts", vhost)

    def queue(self, vhost: str, name: str) -> Any:
        """The properties of a queue; None if there is none."""
        return self.request("GET", "queues", vhost, name)

    def exchange(self, vhost: str, name: str) -> Any:
        """The properties of an exchange; None if there is none."""
        return self.request("GET", "exchanges", vhost, name)

    def bindings(self, vhost: str) -> set[tuple[str, str, str, str]]:
        """All bindings: source, destination, routing key, and arguments as JSON."""
        return {
            (
                b["source"],
                b["destination"],
                b["routing_key"],
                json.dumps(b["arguments"], sort_keys=True),
            )
            for b in self.request("GET", "bindings", vhost)
            if b["source"]
        }

    def connections(self, vhost: str) -> list[str]:
        """The connections to a virtual host, without those of the tests."""
        return [
            c["name"]
            for c in self.request("GET", "vhosts", vhost, "connections")
            if c.get("name") and c.get("user_provided_name") != OWN_CONNECTION
        ]

    def close_connections(self, vhost: str) -> int:
        """Close all those connections. Returns how many there were."""
        return sum(
            self.request("DELETE", "connections", name) is not None
            for name in self.connections(vhost)
        )

    def close(self) -> None:
        self._session.close()


def connect_to_broker(url: str) -> pika.BlockingConnection:
    """A connection of the tests, which is never closed for being idle."""
    parameters = pika.URLParameters(url)
    parameters.heartbeat = 0
    parameters.client_properties = {"connection_name": OWN_CONNECTION}
    return pika.BlockingConnection(parameters)


@dataclass(frozen=True)
class Message:
    """A message as it was received."""

    exchange: str
    routing_key: str
    properties: pika.BasicProperties
    body: bytes
    received_at: float = field(default_factory=time.monotonic)

    @property
    def type(self) -> str | None:
        return self.properties.type

    @property
    def data(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)

    def matches(self, message_type: str | None, fields: dict[str, Any]) -> bool:
        if message_type is not None and self.type != message_type:
            return False
        data = self.data
        return all(name in data and data[name] == value for name, value in fields.items())

    def __repr__(self) -> str:
        return f"<{self.exchange} {self.routing_key} {self.body[:600]!r}>"


class Broker:
    """A connection of the test: publishes, and looks at queues."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.connection = connect_to_broker(url)
        self._channel: BlockingChannel | None = None

    @property
    def channel(self) -> BlockingChannel:
        """A channel with confirms; a new one when the broker has closed the last."""
        if self._channel is None or not self._channel.is_open:
            if not self.connection.is_open:
                self.connection = connect_to_broker(self.url)
            self._channel = self.connection.channel()
            self._channel.confirm_delivery()
        return self._channel

    def publish(
        self,
        exchange: str,
        routing_key: str,
        body: bytes = b"",
        *,
        mandatory: bool = True,
        **properties: Any,
    ) -> None:
        """Publish a message, and wait until the broker has taken it."""
        self.channel.basic_publish(
            exchange,
            routing_key,
            body,
            pika.BasicProperties(**{"delivery_mode": 2, **properties}),
            mandatory=mandatory,
        )

    def declare_queue(self, name: str, **arguments: Any) -> None:
        """Declare a durable queue."""
        self.channel.queue_declare(name, durable=True, arguments=arguments)

    def _declared(self, queue: str) -> Any:
        channel = self.connection.channel()
        try:
            return channel.queue_declare(queue, passive=True).method
        except ChannelClosedByBroker:
            return None
        finally:
            if channel.is_open:
                channel.close()

    def exists(self, queue: str) -> bool:
        return self._declared(queue) is not None

    def ready_count(self, queue: str) -> int:
        """How many messages wait in a queue, without those that a consumer holds."""
        return int(self._declared(queue).message_count)

    def consumers_count(self, queue: str) -> int:
        """How many consumers a queue has; 0 if there is no such queue."""
        declared = self._declared(queue)
        return int(declared.consumer_count) if declared else 0

    def get(self, queue: str) -> Message | None:
        """Take a message out of a queue."""
        method, properties, body = self.channel.basic_get(queue, auto_ack=True)
        if method is None:
            return None
        return Message(method.exchange, method.routing_key, properties, body)

    def read_stream(self, queue: str, count_min: int, seconds_max: float = 15.0) -> list[Message]:
        """The messages of a stream queue from its beginning, at least so many of them."""
        messages: list[Message] = []
        channel = self.connection.channel()
        channel.basic_qos(prefetch_count=100)

        def on_message(ch: Any, method: Any, properties: Any, body: bytes) -> None:
            messages.append(Message(method.exchange, method.routing_key, properties, body))
            ch.basic_ack(method.delivery_tag)

        tag = channel.basic_consume(queue, on_message, arguments={"x-stream-offset": "first"})
        end = time.monotonic() + seconds_max
        while len(messages) < count_min:
            assert time.monotonic() < end, f"{queue}: {len(messages)} of {count_min}: {messages}"
            self.connection.process_data_events(time_limit=_POLL_SECONDS)
        channel.basic_cancel(tag)
        channel.close()
        return messages

    def close(self) -> None:
        if self.connection.is_open:
            self.connection.close()


class Observer:
    """Receives what is published to some exchanges, while somebody waits for it."""

    def __init__(self, url: str, exchanges: Iterable[str] = EXCHANGES) -> None:
        self.messages: list[Message] = []
        self.queue = f"observer_{os.getpid()}_{next(_numbers)}"
        self._connection = connect_to_broker(url)
        self._channel = self._connection.channel()
        self._channel.queue_declare(self.queue, durable=True)
        for exchange in exchanges:
            # A headers exchange ignores the routing key, and a topic exchange the arguments.
            self._channel.queue_bind(
                self.queue, exchange, routing_key="#", arguments={"x-match": "all"}
            )
        self._channel.basic_qos(prefetch_count=500)
        self._channel.basic_consume(self.queue, self._on_message)

    def _on_message(self, channel: Any, method: Any, properties: Any, body: bytes) -> None:
        self.messages.append(Message(method.exchange, method.routing_key, properties, body))
        channel.basic_ack(method.delivery_tag)

    def receive(self, seconds_max: float = _POLL_SECONDS) -> None:
        """Receive for a moment."""
        self._connection.process_data_events(time_limit=seconds_max)

    def wait_for(
        self, predicate: Callable[[list[Message]], T], seconds_max: float = 15.0, what: str = ""
    ) -> T:
        """Receive until the predicate of all messages returns something true. Returns that."""
        end = time.monotonic() + seconds_max
        while not (value := predicate(self.messages)):
            if time.monotonic() >= end:
                last = self.messages[-_SHOWN_COUNT:]
                raise AssertionError(f"not within {seconds_max} seconds: {what}; last: {last}")
            self.receive()
        return value

    def find(self, message_type: str | None = None, since: int = 0, **fields: Any) -> list[Message]:
        """The messages of a type, with these fields, that have been received."""
        return [m for m in self.messages[since:] if m.matches(message_type, fields)]

    def wait_message(
        self,
        message_type: str,
        *,
        since: int = 0,
        seconds_max: float = 15.0,
        **fields: Any,
    ) -> Message:
        """Receive until there is a message of a type, with these fields."""
        found = self.wait_for(
            lambda _: self.find(message_type, since, **fields),
            seconds_max,
            f"{message_type} with {fields}",
        )
        return found[0]

    def close(self) -> None:
        """Disconnect, and receive nothing any more."""
        if self._connection.is_open:
            self._channel.close()
            self._connection.channel().queue_delete(self.queue)
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@pytest.fixture(scope="session")
def management() -> Iterator[Management]:
    """The management API of the test broker."""
    made = Management(_require("TEST_BROKER_MANAGEMENT_URL"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def vhost(management: Management) -> Iterator[str]:
    """A virtual host for the tests of a module."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    management.create_vhost(name)
    yield name
    management.delete_vhost(name)


@pytest.fixture(scope="module")
def broker_url(vhost: str) -> str:
    """The AMQP URL of the module's virtual host."""
    return f"{_require('TEST_BROKER_URL').rstrip('/')}/{vhost}"


@pytest.fixture(scope="module")
def broker(broker_url: str) -> Iterator[Broker]:
    """A connection of the tests to the module's virtual host."""
    made = Broker(broker_url)
    yield made
    made.close()
