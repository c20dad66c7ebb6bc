"""How the messages of a parent come to its children, from one moment on.

Between `accounts_in` and the parent's queue there are two exchanges of the split. The first one has
no queue but the parent's, and an alternate exchange, to which the children's queues are bound. When
the parent's queue is unbound, what came to it goes to them: in one step, once, and without a
policy. Whoever else is bound to `accounts_in` gets what it has always got.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.exceptions import ChannelClosedByBroker

from swpt_accounts.broker import topology
from swpt_accounts.db.operator_session import PreconditionFailed
from swpt_accounts.sharding.children import Family
from swpt_accounts.smp.routing import ACCOUNTS_IN_EXCHANGE

_NOT_FOUND: Final = 404


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """Messages that are ready, and consumers."""

    ready: int
    consumers: int


class Relay:
    """The exchanges of a split, and the queues of parent and children."""

    def __init__(self, family: Family) -> None:
        self._url = family.parent.protocol_broker_url
        self._queue = family.parent.protocol_broker_queue
        self._key = str(family.parent.realm)
        self._keys = {child.queue: str(child.realm) for child in family.children}
        self._chores = [
            (child.settings.chores_broker_url, child.settings.chores_broker_queue)
            for child in family.children
        ]
        self._first = f"{self._queue}.split"
        self._alternate = f"{self._queue}.split.children"

    def counts(self, queue: str | None = None) -> QueueCounts | None:
        """What is in the parent's queue, or in another one; None if there is no such queue."""
        with self._connected() as connection:
            return _counts(connection, queue or self._queue)

    @contextmanager
    def watched(self) -> Iterator["Watched"]:
        """To look again and again, over one connection."""
        with self._connected() as connection:
            yield Watched(connection, self._queue)

    def problems(self) -> Iterator[str]:
        """What is in the queues of the children while nothing goes to them: the parent gets it,
        too, and it would take effect twice.
        """
        with self._connected() as connection:
            for queue in self._keys:
                found = _counts(connection, queue) or QueueCounts(0, 0)
                name = f"the queue {queue!r} of a child"
                if found.consumers:
                    yield f"{name} has {found.consumers} consumers: stop them"
                if found.ready:
                    yield (
                        f"{name} has {found.ready} messages. Where the parent's queue is bound as"
                        " well, it has got the same: then delete the child's, and `shards prepare`"
                        " declares it anew"
                    )

    def prepare(self) -> None:
        """Declare and bind everything; no message takes another way yet.

        Raises `TopologyError`, `AMQPError`.
        """
        with self._connected() as connection:
            if _counts(connection, self._queue) is None:
                raise PreconditionFailed(f"there is no queue {self._queue!r} of the parent")
            channel = connection.channel()
            channel.exchange_declare(self._alternate, "topic", durable=True)
            for queue, key in self._keys.items():
                topology.declare_incoming_queue(connection, queue)
                # Whoever has subscribed the child already would get what the parent gets, too.
                channel.queue_unbind(queue, ACCOUNTS_IN_EXCHANGE, key)
                channel.queue_bind(queue, self._alternate, key)
            channel.exchange_declare(
                self._first,
                "fanout",
                durable=True,
                arguments={"alternate-exchange": self._alternate},
            )
            channel.queue_bind(self._queue, self._first, "")
            # The queue gets each message once, however many ways lead to it.
            channel.exchange_bind(self._first, ACCOUNTS_IN_EXCHANGE, self._key)
        for url, queue in self._chores:
            topology.create_chores_queue(url, queue)

    def switch(self) -> None:
        """From now on messages go to the children. Harmless when that has been done."""
        with self._connected() as connection:
            if not _exists(connection, self._first):
                return
            channel = connection.channel()
            channel.queue_unbind(self._queue, ACCOUNTS_IN_EXCHANGE, self._key)
            # until here, all have come by the other way
            channel.queue_unbind(self._queue, self._first, "")

    def settle(self) -> None:
        """Bind the children directly, and delete the exchanges of the split."""
        with self._connected() as connection:
            channel = connection.channel()
            for queue, key in self._keys.items():
                channel.queue_bind(queue, ACCOUNTS_IN_EXCHANGE, key)
            self._delete_exchanges(connection, channel)

    def undo(self) -> None:
        """As it was before. Raises `PreconditionFailed` if a child's queue has got a message."""
        with self._connected() as connection:
            channel = connection.channel()
            for queue in self._keys:
                found = _counts(connection, queue)
                if found is not None and found.ready:
                    raise PreconditionFailed(f"the queue {queue!r} has {found.ready} messages")
            channel.queue_bind(self._queue, ACCOUNTS_IN_EXCHANGE, self._key)
            self._delete_exchanges(connection, channel)
            for queue in self._keys:
                channel.queue_delete(queue)
        for url, queue in self._chores:
            topology.delete_chores_queue(url, queue, incoming=self._queue)

    def delete_parents_queue(self) -> None:
        """Delete the queue of the parent. Raises `PreconditionFailed` if something is in it."""
        with self._connected() as connection:
            found = _counts(connection, self._queue)
            if found is None:
                return
            if found.ready or found.consumers:
                raise PreconditionFailed(
                    f"the queue {self._queue!r} of the parent has {found.ready} messages and"
                    f" {found.consumers} consumers: somebody has bound it with another key, or"
                    " sends to it directly. Nobody will handle what is in it"
                )
            connection.channel().queue_delete(self._queue)

    def _delete_exchanges(self, connection: BlockingConnection, channel: BlockingChannel) -> None:
        if _exists(connection, self._first):
            channel.exchange_unbind(self._first, ACCOUNTS_IN_EXCHANGE, self._key)
        channel.exchange_delete(self._first)
        channel.exchange_delete(self._alternate)

    @contextmanager
    def _connected(self) -> Iterator[BlockingConnection]:
        with topology.connection_to(self._url, "shards") as connection:
            yield connection


class Watched:
    """A queue that is looked at again and again."""

    def __init__(self, connection: BlockingConnection, queue: str) -> None:
        self._connection = connection
        self._queue = queue

    def counts(self) -> QueueCounts:
        """What is in it now; nothing, if it is gone."""
        return _counts(self._connection, self._queue) or QueueCounts(0, 0)

    def rest(self, seconds: float) -> None:
        """Wait a moment, and answer the broker's heartbeats."""
        self._connection.sleep(seconds)


def _counts(connection: BlockingConnection, queue: str) -> QueueCounts | None:
    channel = connection.channel()
    try:
        found = channel.queue_declare(queue, passive=True).method
    except ChannelClosedByBroker as error:
        if error.reply_code != _NOT_FOUND:
            raise
        return None
    channel.close()
    return QueueCounts(found.message_count, found.consumer_count)


def _exists(connection: BlockingConnection, exchange: str) -> bool:
    channel = connection.channel()
    try:
        channel.exchange_declare(exchange, passive=True)
    except ChannelClosedByBroker as error:
        if error.reply_code != _NOT_FOUND:
            raise
        return False
    channel.close()
    return True
