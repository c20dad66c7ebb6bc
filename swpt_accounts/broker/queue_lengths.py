"""The lengths of queues, without declaring or consuming them."""

from collections.abc import Sequence
from time import monotonic
from typing import Any, Final

import pika
from pika.exceptions import AMQPError, ChannelClosedByBroker

from swpt_accounts.broker.connections import connection_parameters, open_blocking
from swpt_accounts.broker.topology import dead_letter_queue

# name, messages, consumers, and instead of these what the broker says
QueueLength = tuple[str, int | None, int | None, str | None]

_OFFSET_HEADER: Final = "x-stream-offset"
_FIRST_SECONDS_MAX: Final = 2.0


def _connect(url: str, name: str, seconds_max: float) -> pika.BlockingConnection:
    parameters = connection_parameters(url, name)
    parameters.socket_timeout = parameters.stack_timeout = seconds_max
    parameters.blocked_connection_timeout = seconds_max
    return open_blocking(parameters)


def queue_lengths(
    url: str, name: str, queues: Sequence[str], seconds_max: float
) -> list[tuple[str, int | None, int | None, str | None, int | None]]:
    """The lengths of queues, and of dead-letter queues the first offset. Raises `AMQPError`."""
    with _connect(url, name, seconds_max) as connection:
        lengths = [queue_length(connection, queue) for queue in queues]
        letters = [queue for queue, count, *_ in lengths if count and is_dead_letter_queue(queue)]
        offsets = {queue: first_offset(connection, queue) for queue in letters}
        return [(*length, offsets.get(length[0])) for length in lengths]


def is_dead_letter_queue(queue: str) -> bool:
    """Whether this is the name of one."""
    return queue.endswith(dead_letter_queue(""))


def first_offset(connection: pika.BlockingConnection, stream: str) -> int | None:
    """The offset of the first message that is still in a stream; None if nobody can say it: it is
    no stream, or this user may not read it. Raises `AMQPError`.
    """
    found: list[int] = []

    def on_delivery(
        _channel: Any, _method: Any, properties: pika.BasicProperties, _: bytes
    ) -> None:
        found.append(int((properties.headers or {})[_OFFSET_HEADER]))

    channel = connection.channel()
    try:
        channel.basic_qos(prefetch_count=1)
        channel.basic_consume(stream, on_delivery, arguments={_OFFSET_HEADER: "first"})
        end = monotonic() + _FIRST_SECONDS_MAX
        while not found and (rest := end - monotonic()) > 0:
            connection.process_data_events(time_limit=rest)
        channel.close()
    except ChannelClosedByBroker:
        return None
    return found[0] if found else None


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
