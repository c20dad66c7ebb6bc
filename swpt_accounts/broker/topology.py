"""Exchanges, queues and bindings (docs/reference/amqp.md). Declaring them again is harmless."""

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final, Literal

from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.exceptions import ChannelClosedByBroker

from swpt_accounts.broker.connections import (
    connect_blocking,
    connection_parameters,
    describe,
    server_version,
)
from swpt_accounts.broker.delivery_limit import ARGUMENT, limit_advice
from swpt_accounts.db.outage_reporter import Backoff
from swpt_accounts.observability.events.topology import (
    CHORES_QUEUE_FOREIGN,
    CHORES_QUEUE_USED,
    DELIVERY_LIMIT,
    QUEUE_BOUND,
    QUEUE_DECLARED,
    QUEUE_DELETED,
    QUEUE_DELETION_WAITS,
    QUEUE_MISSING,
    QUEUE_UNBOUND,
    QUEUE_UNREACHABLE,
)
from swpt_accounts.smp.routing import (
    ACCOUNTS_IN_EXCHANGE,
    TO_COORDINATORS_EXCHANGE,
    TO_CREDITORS_EXCHANGE,
    TO_DEBTORS_EXCHANGE,
)
from swpt_accounts.workers.shutdown import ShutdownEvent

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
# With the same code, RabbitMQ says of a queue that is there that it is down.
_ABSENT = re.compile("NOT_FOUND - no (?:exchange|queue) ")
# RabbitMQ takes clients before each stream is there again.
_UNREACHABLE_SECONDS_MAX: Final = 30.0


class TopologyError(Exception):
    """The broker's exchanges or queues are not as they should be. The text says which, and why."""


def dead_letter_queue(queue: str) -> str:
    """The name of the queue that takes the messages which `queue` could not have handled."""
    return f"{queue}.XQ"


def money_letter_queue(queue: str) -> str:
    """The name of the queue for those of them that were balance changes of other shards. It is
    declared when the first one comes.
    """
    return dead_letter_queue(money_queue(queue))


def money_queue(queue: str) -> str:
    """What `dead_letters -q` calls the queue whose refused money that is: there is none of this
    name.
    """
    return f"{queue}.money"


# A queue that has these values too is as good: the first is that of an older version and, misspelt
# and so without effect, of another program.
_HARMLESS_ARGUMENTS = {"x-overflow": re.compile("reject-publish"), ARGUMENT: re.compile("-?[0-9]+")}
# Without a type, a queue is a classic one.
_QUEUE_TYPES = ("", "classic", "quorum")
_INEQUIVALENT = re.compile(
    r"inequivalent arg '([^']+)' .* current is (?:none|(?:the value )?'([^']*)')"
)


class _Object:
    """An exchange or a queue, as it should be."""

    def __init__(self, kind: Literal["exchange", "queue"], name: str, **arguments: Any) -> None:
        self._kind = kind
        self._name = name
        self._arguments = arguments

    def exists(self, connection: BlockingConnection) -> bool:
        channel = connection.channel()
        try:
            self._declare(channel, self._name, passive=True)
        except ChannelClosedByBroker as error:
            if not _says_absent(error):
                raise
            return False
        channel.close()
        return True

    def declare(self, connection: BlockingConnection) -> None:
        """Declare it. Raises `TopologyError` if it exists, and is different."""
        channel = connection.channel()
        try:
            self._declare(channel, self._name, durable=True, **self._arguments)
        except ChannelClosedByBroker as error:
            if error.reply_code != _PRECONDITION_FAILED:
                raise
            self._accept(connection, error.reply_text)
        else:
            channel.close()

    def _accept(self, connection: BlockingConnection, difference: str) -> None:
        raise TopologyError(
            f"the {self._kind} {self._name!r} exists, but not as it should be; nothing was"
            f" changed: {difference}"
        )

    def _declare(self, channel: BlockingChannel, *args: Any, **kwargs: Any) -> None:
        declare = channel.exchange_declare if self._kind == "exchange" else channel.queue_declare
        declare(*args, **kwargs)


class _Queue(_Object):
    """A queue, of whose arguments some may be others when it exists."""

    def __init__(self, name: str, queue_type: str, **arguments: Any) -> None:
        self._queue_arguments: dict[str, Any] = {"x-queue-type": queue_type, **arguments}
        super().__init__("queue", name, arguments=self._queue_arguments)


class _QuorumQueue(_Queue):
    """A quorum queue. One that exists may have more arguments, if these do no harm."""

    def __init__(self, name: str, **arguments: Any) -> None:
        super().__init__(name, "quorum", **arguments)

    @property
    def delivery_limit(self) -> int | None:
        """The argument of the queue as it was found, after `declare`."""
        return self._queue_arguments.get(ARGUMENT)

    def _accept(self, connection: BlockingConnection, difference: str) -> None:
        name, value = _difference(difference)
        rule = _HARMLESS_ARGUMENTS.get(name)
        if rule is None or not rule.fullmatch(value) or name in self._queue_arguments:
            super()._accept(connection, difference)
        self._queue_arguments[name] = int(value) if name == ARGUMENT else value
        self.declare(connection)


class _DeadLetterQueue(_Queue):
    """A stream. One that exists may be of another type: what is in it would be lost with it."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "stream")

    def _accept(self, connection: BlockingConnection, difference: str) -> None:
        name, value = _difference(difference)
        is_first = self._queue_arguments.get("x-queue-type") == "stream"
        if name != "x-queue-type" or value not in _QUEUE_TYPES or not is_first:
            super()._accept(connection, difference)
        if value:
            self._queue_arguments["x-queue-type"] = value
        else:
            del self._queue_arguments["x-queue-type"]
        self.declare(connection)


def _says_absent(error: ChannelClosedByBroker) -> bool:
    """Whether there is no such exchange or queue, and not only none that could be reached now."""
    return error.reply_code == _NOT_FOUND and bool(_ABSENT.match(error.reply_text))


def _difference(text: str) -> tuple[str, str]:
    """The name of the argument that is another one, and its value; "" where there is none."""
    found = _INEQUIVALENT.search(text)
    return (found[1], found[2] or "") if found else ("", "")


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """Messages that are ready, and consumers."""

    ready: int
    consumers: int


def queue_counts(connection: BlockingConnection, queue: str) -> QueueCounts | None:
    """What is in a queue now; None if there is no such queue.

    Raises `ChannelClosedByBroker` also for one that is there, and cannot be reached.
    """
    channel = connection.channel()
    try:
        found = channel.queue_declare(queue, passive=True).method
    except ChannelClosedByBroker as error:
        if not _says_absent(error):
            raise
        return None
    channel.close()
    return QueueCounts(found.message_count, found.consumer_count)


def exchange_exists(connection: BlockingConnection, name: str) -> bool:
    """Whether there is such an exchange, of whatever type."""
    return _Object("exchange", name).exists(connection)


def _advise(connection: BlockingConnection, url: str, queue: str, limit: int | None) -> None:
    vhost = connection_parameters(url, "").virtual_host
    if advice := limit_advice(server_version(connection), vhost, queue, limit):
        DELIVERY_LIMIT.log(logger, text=advice, queue=queue)


def _declare_all(connection: BlockingConnection, objects: Iterable[_Object]) -> None:
    """Declare objects; those that exist first, so that nothing is made if one is different."""
    found = {one: _exists_in_the_end(connection, one) for one in objects}
    for one in sorted(found, key=lambda one: not found[one]):
        one.declare(connection)


def _exists_in_the_end(connection: BlockingConnection, one: _Object) -> bool:
    """Whether it exists; while a queue is down, wait."""
    backoff = Backoff(0.1, 2.0)
    give_up_at = monotonic() + _UNREACHABLE_SECONDS_MAX
    is_logged = False
    while True:
        try:
            return one.exists(connection)
        except ChannelClosedByBroker as error:
            if error.reply_code != _NOT_FOUND or monotonic() >= give_up_at:
                raise
            if not is_logged:
                QUEUE_UNREACHABLE.log(logger, problem=describe(error))
                is_logged = True
            connection.sleep(backoff.next())


def declare_dead_letter_queue(connection: BlockingConnection, name: str) -> None:
    """Declare a stream of messages that a queue could not have handled."""
    _DeadLetterQueue(name).declare(connection)


def _incoming(queue: str) -> "_QuorumQueue":
    dead_letters = {
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": dead_letter_queue(queue),
    }
    return _QuorumQueue(queue, **dead_letters)


def declare_incoming_queue(connection: BlockingConnection, queue: str) -> None:
    """Declare a queue of incoming messages, and that of its dead letters, and bind nothing.

    Raises `TopologyError`.
    """
    _declare_all(connection, [_DeadLetterQueue(dead_letter_queue(queue)), _incoming(queue)])


def subscribe(url: str, queue: str, routing_key: str) -> None:
    """Declare everything that incoming messages need, and bind the queue.

    Raises `TopologyError`, and `pika.exceptions.AMQPError`.
    """
    incoming = _incoming(queue)
    letters = _DeadLetterQueue(dead_letter_queue(queue))
    exchanges = [_Object("exchange", name, exchange_type=kind) for name, kind in _EXCHANGES]
    with connect_blocking(url, "subscribe") as connection:
        _declare_all(connection, [*exchanges, letters, incoming])
        channel = connection.channel()
        for coordinator_type, destination in _COORDINATORS:
            channel.exchange_bind(
                destination,
                TO_COORDINATORS_EXCHANGE,
                arguments={"x-match": "all", "coordinator-type": coordinator_type},
            )
        channel.queue_bind(queue, ACCOUNTS_IN_EXCHANGE, routing_key=routing_key)
        _advise(connection, url, queue, incoming.delivery_limit)
    QUEUE_BOUND.log(logger, queue=queue, exchange=ACCOUNTS_IN_EXCHANGE, routing_key=routing_key)


def unsubscribe(url: str, queue: str, routing_key: str) -> None:
    """Remove the binding of the queue of incoming messages, and nothing else."""
    with connect_blocking(url, "unsubscribe") as connection:
        connection.channel().queue_unbind(queue, ACCOUNTS_IN_EXCHANGE, routing_key=routing_key)
    QUEUE_UNBOUND.log(logger, queue=queue, routing_key=routing_key)


def delete_chores_queue(url: str, queue: str, *, incoming: str) -> None:
    """Delete the queue of the local tasks, if it exists and has no consumers.

    What is in it is deleted as well: the accounts scan posts again what is still to be done. It
    stays if it is, by its name, the queue of `incoming` messages, or that of their dead letters.
    """
    if queue in (incoming, dead_letter_queue(incoming)):
        CHORES_QUEUE_FOREIGN.log(logger, queue=queue)
        return
    with connect_blocking(url, "unsubscribe") as connection:
        found = queue_counts(connection, queue)
        if found is None:
            QUEUE_MISSING.log(logger, queue=queue)
            return
        if found.consumers:
            CHORES_QUEUE_USED.log(logger, queue=queue, consumers_count=found.consumers)
            return
        connection.channel().queue_delete(queue)
    QUEUE_DELETED.log(logger, queue=queue, count=found.ready)


def create_chores_queue(url: str, queue: str) -> None:
    """Declare the queue of the local tasks. Raises `TopologyError`."""
    chores = _QuorumQueue(queue)
    with connect_blocking(url, "create_chores_queue") as connection:
        _declare_all(connection, [chores])
        _advise(connection, url, queue, chores.delivery_limit)
    QUEUE_DECLARED.log(logger, queue=queue)


def delete_queue(url: str, queue: str, shutdown: ShutdownEvent) -> bool:
    """Wait until the queue is empty and unused, then delete it.

    Unsubscribe it before: what is routed to it in the last moment is deleted with it. Returns
    whether the queue is gone: a stop can be requested before.
    """
    backoff = Backoff(0.5, 5.0)
    while not shutdown.is_requested():
        with connect_blocking(url, "delete_queue") as connection:
            # RabbitMQ cannot delete a quorum queue on condition that it is empty or unused.
            found = queue_counts(connection, queue)
            if found is None:
                QUEUE_MISSING.log(logger, queue=queue)
                return True
            if found.ready == 0 and found.consumers == 0:
                connection.channel().queue_delete(queue)
                QUEUE_DELETED.log(logger, queue=queue, count=0)
                return True
        QUEUE_DELETION_WAITS.log(
            logger, queue=queue, count=found.ready, consumers_count=found.consumers
        )
        shutdown.wait(backoff.next())
    return False
