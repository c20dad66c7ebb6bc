"""Exchanges, queues and bindings (docs/reference/amqp.md). Declaring them again is harmless."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker

from swpt_accounts.broker.connecting import connect_blocking
from swpt_accounts.smp.routing import (
    ACCOUNTS_IN_EXCHANGE,
    TO_COORDINATORS_EXCHANGE,
    TO_CREDITORS_EXCHANGE,
    TO_DEBTORS_EXCHANGE,
)
from swpt_accounts.workers.backoff import Backoff
from swpt_accounts.workers.stopping import Stop

logger = logging.getLogger(__name__)

_EXCHANGES = (
    (ACCOUNTS_IN_EXCHANGE, "topic"),
    (TO_CREDITORS_EXCHANGE, "topic"),
    (TO_DEBTORS_EXCHANGE, "topic"),
    (TO_COORDINATORS_EXCHANGE, "headers"),
)
# To which exchange the messages to a type of coordinator go on.
_COORDINATORS = (
    ("direct", TO_CREDITORS_EXCHANGE),
    ("agent", TO_CREDITORS_EXCHANGE),
    ("issuing", TO_DEBTORS_EXCHANGE),
)
_NOT_FOUND = 404
_PRECONDITION_FAILED = 406


class TopologyError(Exception):
    """The broker's exchanges or queues are not as they should be. The text says which, and why."""


def dead_letter_queue(queue: str) -> str:
    """The name of the queue that takes the messages which `queue` could not have handled."""
    return f"{queue}.XQ"


@contextmanager
def channel_to(url: str, name: str) -> Iterator[BlockingChannel]:
    """A channel of a connection of its own. Raises `pika.exceptions.AMQPConnectionError`."""
    connection = connect_blocking(url, name)
    try:
        yield connection.channel()
    finally:
        if connection.is_open:
            connection.close()


def _declare(what: str, declare: Callable[..., Any], name: str, **arguments: Any) -> None:
    """Declare something. Raises `TopologyError` if it exists and is different."""
    try:
        declare(name, durable=True, **arguments)
    except ChannelClosedByBroker as error:
        if error.reply_code != _PRECONDITION_FAILED:
            raise
        raise TopologyError(
            f"the {what} {name!r} exists, but not as it should be; nothing was changed:"
            f" {error.reply_text}"
        ) from None


def declare_exchanges(channel: BlockingChannel) -> None:
    """Declare the exchanges and the bindings between them. Raises `TopologyError`."""
    for name, exchange_type in _EXCHANGES:
        _declare("exchange", channel.exchange_declare, name, exchange_type=exchange_type)
    for coordinator_type, destination in _COORDINATORS:
        channel.exchange_bind(
            destination,
            TO_COORDINATORS_EXCHANGE,
            arguments={"x-match": "all", "coordinator-type": coordinator_type},
        )


def declare_dead_letter_queue(channel: BlockingChannel, queue: str) -> None:
    """Declare the stream of the messages that `queue` could not have handled."""
    _declare(
        "queue",
        channel.queue_declare,
        dead_letter_queue(queue),
        arguments={"x-queue-type": "stream"},
    )


def subscribe(url: str, queue: str, routing_key: str) -> None:
    """Declare everything that incoming messages need, and bind the queue.

    Raises `TopologyError`, and `pika.exceptions.AMQPConnectionError`.
    """
    with channel_to(url, "subscribe") as channel:
        declare_exchanges(channel)
        declare_dead_letter_queue(channel, queue)
        _declare(
            "queue",
            channel.queue_declare,
            queue,
            arguments={
                "x-queue-type": "quorum",
                "x-overflow": "reject-publish",
                "x-dead-letter-exchange": "",
                "x-dead-letter-routing-key": dead_letter_queue(queue),
            },
        )
        channel.queue_bind(queue, ACCOUNTS_IN_EXCHANGE, routing_key=routing_key)
    logger.info("The queue %r is bound to %r with %r.", queue, ACCOUNTS_IN_EXCHANGE, routing_key)


def unsubscribe(url: str, queue: str, routing_key: str) -> None:
    """Remove the binding of the queue, and nothing else."""
    with channel_to(url, "unsubscribe") as channel:
        channel.queue_unbind(queue, ACCOUNTS_IN_EXCHANGE, routing_key=routing_key)
    logger.info("The binding of %r with %r is removed.", queue, routing_key)


def create_chores_queue(url: str, queue: str) -> None:
    """Declare the queue of the local tasks. Raises `TopologyError`."""
    with channel_to(url, "create_chores_queue") as channel:
        _declare("queue", channel.queue_declare, queue, arguments={"x-queue-type": "quorum"})
    logger.info("The queue %r is declared.", queue)


def delete_queue(url: str, queue: str, stop: Stop) -> bool:
    """Wait until the queue is empty and unused, then delete it.

    Unsubscribe it before: what is routed to it in the last moment is deleted with it. Returns
    whether the queue is gone: a stop can be requested before.
    """
    backoff = Backoff(0.5, 5.0)
    while not stop.is_requested():
        with channel_to(url, "delete_queue") as channel:
            # Quorum queues cannot be told to be deleted only if empty, or only if unused.
            try:
                found = channel.queue_declare(queue, passive=True).method
            except ChannelClosedByBroker as error:
                if error.reply_code != _NOT_FOUND:
                    raise
                logger.info("There is no queue %r.", queue)
                return True
            if found.message_count == 0 and found.consumer_count == 0:
                channel.queue_delete(queue)
                logger.info("The queue %r is deleted.", queue)
                return True
        logger.info(
            "The queue %r has %d messages and %d consumers: waiting.",
            queue,
            found.message_count,
            found.consumer_count,
        )
        stop.wait(backoff.next())
    return False
