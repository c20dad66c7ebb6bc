"""The lengths of queues, without declaring or consuming them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pika
from pika.exceptions import AMQPError, ChannelClosedByBroker

from swpt_accounts.broker.connections import connection_parameters, open_blocking

# name, messages, consumers, and instead of these what the broker says
QueueLength = tuple[str, int | None, int | None, str | None]


@contextmanager
def _connection(url: str, name: str, seconds_max: float) -> Iterator[pika.BlockingConnection]:
    parameters = connection_parameters(url, name)
    parameters.socket_timeout = parameters.stack_timeout = seconds_max
    parameters.blocked_connection_timeout = seconds_max
    connection = open_blocking(parameters)
    try:
        yield connection
    finally:
        if connection.is_open:
            connection.close()


def queue_lengths(
    url: str, name: str, queues: Sequence[str], seconds_max: float
) -> list[QueueLength]:
    """The lengths of queues. Raises `AMQPError`."""
    with _connection(url, name, seconds_max) as connection:
        return [queue_length(connection, queue) for queue in queues]


def queue_length(connection: pika.BlockingConnection, queue: str) -> QueueLength:
    """The length of a queue. Raises `AMQPError` when the connection is lost."""
    channel = connection.channel()
    try:
        found = channel.queue_declare(queue, passive=True).method
    except ChannelClosedByBroker as error:
        return queue, None, None, error.reply_text
    except AMQPError:
        if not connection.is_open:
            raise
        return queue, None, None, "the broker does not report it"
    channel.close()
    return queue, found.message_count, found.consumer_count, None
