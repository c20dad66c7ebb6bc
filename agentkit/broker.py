"""The plain way to the authority's broker: it publishes, and looks at queues."""

import sys
import time
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker

from agentkit.keys import ACCOUNTS_IN, bits_key
from agentkit.messages import CONTENT_TYPE, Message, encode
from agentkit.received import Received, receive
from agentkit.waiting import POLL_SECONDS, SECONDS_MAX, NotInTimeError

CONNECTION_NAME = "agentkit"


def connect(url: str, **parameters: Any) -> pika.BlockingConnection:
    """A connection with the kit's name, which is never closed for being idle.

    `parameters` are attributes of `pika.URLParameters`. Raises what pika raises.
    """
    wanted = pika.URLParameters(url)
    wanted.heartbeat = 0
    wanted.client_properties = {"connection_name": CONNECTION_NAME}
    for name, value in parameters.items():
        setattr(wanted, name, value)
    return pika.BlockingConnection(wanted)


def is_interrupted() -> bool:
    """Whether a `KeyboardInterrupt` is on its way up: no connection can be trusted any more.

    It may have cut a frame in two: the broker refuses what follows, or waits for the rest of it
    while we wait for its answer. Connections go with the process then.
    """
    return isinstance(sys.exception(), KeyboardInterrupt)


class Broker:
    """A connection; every message is confirmed before the next one is sent."""

    def __init__(self, url: str, **parameters: Any) -> None:
        """Connect. `parameters` are those of `connect`. Raises what pika raises."""
        self.url = url
        self.user = pika.URLParameters(url).credentials.username
        self._parameters = parameters
        self.connection = connect(url, **parameters)
        self._channel: BlockingChannel | None = None

    @property
    def channel(self) -> BlockingChannel:
        """A channel with confirms; a new one when the broker has closed the last."""
        if self._channel is None or not self._channel.is_open:
            self._channel = self._open_connection().channel()
            self._channel.confirm_delivery()
        return self._channel

    def _open_connection(self) -> pika.BlockingConnection:
        """The connection; a new one when the last was lost."""
        if not self.connection.is_open:
            self.connection = connect(self.url, **self._parameters)
        return self.connection

    def send(self, message: Message) -> float:
        """Publish a message to its account, as agents do, and as shards what is between shards.

        Returns when it was sent, by `time.monotonic`.
        """
        key = bits_key(message["debtor_id"], message["creditor_id"])
        body = encode(message)
        seconds = time.monotonic()
        properties = {"type": message["type"], "content_type": CONTENT_TYPE}
        if message["type"] == "PendingBalanceChange":
            properties["user_id"] = self.user
        self.publish(ACCOUNTS_IN, key, body, **properties)
        return seconds

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
        """What the broker knows of a queue. Raises `AMQPError` if there is no such queue."""
        channel = self._open_connection().channel()
        try:
            return channel.queue_declare(queue, passive=True).method
        finally:
            if channel.is_open:
                channel.close()

    def exists(self, queue: str) -> bool:
        try:
            self._declared(queue)
        except ChannelClosedByBroker:
            return False
        return True

    def ready_count(self, queue: str) -> int:
        """How many messages wait in a queue, without those that a consumer holds.

        Raises `AMQPError` if there is no such queue.
        """
        return int(self._declared(queue).message_count)

    def consumers_count(self, queue: str) -> int:
        """How many consumers a queue has; 0 if there is no such queue."""
        try:
            return int(self._declared(queue).consumer_count)
        except ChannelClosedByBroker:
            return 0

    def get(self, queue: str) -> Received | None:
        """Take a message out of a queue."""
        method, properties, body = self.channel.basic_get(queue, auto_ack=True)
        return None if method is None else receive(method, properties, body)

    def read_stream(
        self, queue: str, count_min: int, seconds_max: float = SECONDS_MAX
    ) -> list[Received]:
        """The messages of a stream queue from its beginning, at least so many of them."""
        messages: list[Received] = []
        channel = self.connection.channel()
        channel.basic_qos(prefetch_count=100)

        def on_message(ch: Any, method: Any, properties: Any, body: bytes) -> None:
            messages.append(receive(method, properties, body))
            ch.basic_ack(method.delivery_tag)

        channel.basic_consume(queue, on_message, arguments={"x-stream-offset": "first"})
        end = time.monotonic() + seconds_max
        while len(messages) < count_min:
            if time.monotonic() >= end:
                raise NotInTimeError(f"{queue}: {len(messages)} of {count_min}: {messages}")
            self.connection.process_data_events(time_limit=POLL_SECONDS)
        # (to cancel the consumer would give back what is too much: no stream takes it)
        channel.close()
        return messages

    def close(self) -> None:
        """Disconnect, unless this is the end of a program that was interrupted."""
        if self.connection.is_open and not is_interrupted():
            self.connection.close()
