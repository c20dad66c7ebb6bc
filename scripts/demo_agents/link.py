"""The way to the authority and back: one connection to its broker, and queues of one's own."""

import time
from collections import deque
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import (
    AMQPConnectionError,
    AMQPError,
    ChannelClosedByBroker,
    NackError,
    UnroutableError,
)

from .answers import Answer
from .wire import Message, bits_key, encode

_PROPERTIES = ("content_type", "delivery_mode", "type", "app_id")


class UnreachableError(Exception):
    """The authority cannot be reached. The text says what could not be done."""


class Link:
    """Sends messages to an authority, and collects what it says. To be used in a `with`.

    `bindings` are pairs of an exchange and a binding key. Everything raises `UnreachableError`.
    """

    def __init__(self, url: str, bindings: Iterable[tuple[str, str]]) -> None:
        self._arrived: deque[Answer] = deque()
        try:
            self._connection = pika.BlockingConnection(_parameters(url))
        except (AMQPError, OSError) as error:
            raise UnreachableError(f"no connection to the broker: {_reason(error)}") from error
        try:
            self._channel = self._subscribe(bindings)
        except (AMQPError, OSError) as error:
            self.close()
            raise UnreachableError(f"no queues of our own: {_reason(error)}") from error

    def _subscribe(self, bindings: Iterable[tuple[str, str]]) -> BlockingChannel:
        channel = self._connection.channel()
        channel.confirm_delivery()
        for exchange, key in bindings:
            queue = channel.queue_declare("", exclusive=True, auto_delete=True).method.queue
            channel.queue_bind(queue, exchange, routing_key=key)
            channel.basic_consume(queue, self._receive, auto_ack=True, exclusive=True)
        return channel

    def _receive(self, _channel: Any, method: Any, properties: Any, body: bytes) -> None:
        self._arrived.append(
            Answer(
                exchange=method.exchange,
                routing_key=method.routing_key,
                properties={name: getattr(properties, name) for name in _PROPERTIES},
                headers={name: _plain(v) for name, v in (properties.headers or {}).items()},
                body=body,
                seconds=time.perf_counter(),
            )
        )

    def send(self, message: Message) -> float:
        """Sends a message to its account, and waits for the broker's confirm.

        Returns the moment when it was sent, by `time.perf_counter`.
        """
        properties = pika.BasicProperties(
            content_type="application/json", delivery_mode=2, type=message["type"]
        )
        key = bits_key(message["debtor_id"], message["creditor_id"])
        seconds = time.perf_counter()
        try:
            self._channel.basic_publish(
                "accounts_in", key, encode(message), properties, mandatory=True
            )
        except UnroutableError:
            text = f"no queue takes messages from accounts_in with the key {key}"
            raise UnreachableError(text) from None
        except NackError:
            raise UnreachableError("the authority's queue takes no more messages") from None
        except (AMQPError, OSError) as error:
            raise UnreachableError(f"nothing can be sent: {_reason(error)}") from error
        return seconds

    def receive(self, wait_seconds: float) -> list[Answer]:
        """Returns what has arrived; waits for something when there is nothing."""
        try:
            self._connection.process_data_events(0)
            if not self._arrived:
                self._connection.process_data_events(wait_seconds)
        except (AMQPError, OSError) as error:
            raise UnreachableError(f"the connection broke: {_reason(error)}") from error
        answers = list(self._arrived)
        self._arrived.clear()
        return answers

    def close(self) -> None:
        """Disconnects; the broker then deletes the queues."""
        try:
            if self._connection.is_open:
                self._connection.close()
        except (AMQPError, OSError):
            pass  # it is gone, and that was the aim

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _parameters(url: str) -> pika.URLParameters:
    try:
        parameters = pika.URLParameters(url)
    except (ValueError, LookupError) as error:
        # The URL may contain a password: it is not shown.
        text = "the broker's URL is not like amqp://USER:PASSWORD@HOST:PORT/VHOST"
        raise UnreachableError(text) from error
    parameters.socket_timeout = parameters.stack_timeout = 5
    parameters.blocked_connection_timeout = 30
    parameters.client_properties = {"connection_name": "swpt_accounts demo"}
    return parameters


def _plain(value: Any) -> Any:
    """Undoes that a large integer comes as an object of a class of pika's own."""
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _reason(error: Exception) -> str:
    if isinstance(error, ChannelClosedByBroker):
        return str(error.reply_text)
    if isinstance(error, AMQPConnectionError) and error.args:
        return str(getattr(error.args[0], "exception", error.args[0]))
    return str(error) or type(error).__name__
