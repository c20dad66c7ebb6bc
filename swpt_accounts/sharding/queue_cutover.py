"""How the messages of a parent are routed to its children, from one moment on.

Between `accounts_in` and the parent's queue there are two exchanges of the split. The first one has
no queue but the parent's, and an alternate exchange, to which the children's queues are bound. When
the parent's queue is unbound, what came to it goes to them: in one step, once, and without a
policy. Other queues that are bound to `accounts_in` receive what they always have.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from time import monotonic
from typing import Final

from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.exceptions import ChannelClosedByBroker

from swpt_accounts.broker import topology
from swpt_accounts.core.formatting import number, plural
from swpt_accounts.core.progress import Progress
from swpt_accounts.db.operator_session import OperatorSession, PreconditionFailed
from swpt_accounts.inbox.worker import InboxWorker
from swpt_accounts.settings import Settings
from swpt_accounts.sharding.children import Family
from swpt_accounts.smp.routing import ACCOUNTS_IN_EXCHANGE
from swpt_accounts.workers.shutdown import ShutdownEvent

_NOT_FOUND: Final = 404


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """Messages that are ready, and consumers."""

    ready: int
    consumers: int


class QueueCutover:
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
    def watched(self) -> Iterator["WatchedQueue"]:
        """The parent's queue, polled over one connection."""
        with self._connected() as connection:
            yield WatchedQueue(connection, self._queue)

    def problems(self) -> Iterator[str]:
        """What is in the queues of the children while nothing goes to them: the parent gets it,
        too, and it would take effect twice.
        """
        with self._connected() as connection:
            for queue in self._keys:
                found = _counts(connection, queue) or QueueCounts(0, 0)
                name = f"the queue {queue!r} of a child"
                if found.consumers:
                    yield f"{name} has {plural(found.consumers, 'consumer')}: stop them"
                if found.ready:
                    yield (
                        f"{name} has {plural(found.ready, 'message')}. If the parent's queue has"
                        " received the same, delete the child's: `shards prepare` declares it again"
                    )

    def prepare(self) -> None:
        """Declare and bind everything; no message takes another way yet.

        Raises `TopologyError`, `AMQPError`.
        """
        with self._connected() as connection:
            if _counts(connection, self._queue) is None:
                raise PreconditionFailed(f"the parent's queue {self._queue!r} does not exist")
            channel = connection.channel()
            channel.exchange_declare(self._alternate, "topic", durable=True)
            for queue, key in self._keys.items():
                topology.declare_incoming_queue(connection, queue)
                # A child that has subscribed already would receive the parent's messages, too.
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
                    raise PreconditionFailed(
                        f"the queue {queue!r} has {plural(found.ready, 'message')}"
                    )
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
                    f"the parent's queue {self._queue!r} has {plural(found.ready, 'message')} and"
                    f" {plural(found.consumers, 'consumer')}: it is bound with another key, or"
                    " published to directly. These messages will not be processed"
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


class WatchedQueue:
    """A queue that is polled."""

    def __init__(self, connection: BlockingConnection, queue: str) -> None:
        self._connection = connection
        self._queue = queue

    def counts(self) -> QueueCounts:
        """What is in it now; nothing, if it was deleted."""
        return _counts(self._connection, self._queue) or QueueCounts(0, 0)

    def sleep(self, seconds: float) -> None:
        """Wait, and answer the broker's heartbeats."""
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


READY_COUNT_MAX: Final = 10_000
"""With more messages in its queue, the parent would keep the children waiting for long."""
_POLL_SECONDS: Final = 0.05
_STUCK_SECONDS_MAX: Final = 120.0
_LEAVE_SECONDS_MAX: Final = 60.0
_JOIN_SECONDS_MAX: Final = 30.0


def check_queue(relay: QueueCutover) -> None:
    """Raise `PreconditionFailed` if the parent's queue is long."""
    found = relay.counts()
    if found is not None and found.ready > READY_COUNT_MAX:
        raise PreconditionFailed(
            f"the queue of the parent has {plural(found.ready, 'message')}, and the children would"
            f" wait for them: retry when there are fewer than {number(READY_COUNT_MAX)}"
        )


def drain(
    relay: QueueCutover, parent: OperatorSession, settings: Settings, progress: Progress
) -> None:
    """Return when the parent's queue is empty, and has no consumers.

    First the parent's consumers process it. What they requeue when they stop is consumed here; it
    is recognised by its redelivered flag, as after any crash. Raises
    `PreconditionFailed` if that takes long.
    """
    with relay.watched() as queue:
        _await_consumers(queue, progress)
        parent.run("parent", "stop_consumers")
        _await_no_consumers(queue)
        while queue.counts().ready:
            _consume_rest(queue, settings)
            _await_no_consumers(queue)


def stop_consumers(relay: QueueCutover, parent: OperatorSession) -> None:
    """Return when the queue has no consumers; its messages are for the child."""
    parent.run("parent", "stop_consumers")
    with relay.watched() as queue:
        _await_no_consumers(queue)


def _await_consumers(queue: WatchedQueue, progress: Progress) -> None:
    """Wait until they have emptied the queue, as long as they make progress."""
    total = queue.counts().ready
    progress.begin("messages in the parent's queue", total)
    least, since = total, monotonic()
    while True:
        found = queue.counts()
        progress.note(max(total - found.ready, 0))
        if found.ready == 0 or found.consumers == 0:
            break
        if found.ready < least:
            least, since = found.ready, monotonic()
        if monotonic() - since > _STUCK_SECONDS_MAX:
            raise PreconditionFailed(
                f"the consumers of the parent do not process {plural(found.ready, 'message')}:"
                " check"
                " their logs"
            )
        queue.sleep(_POLL_SECONDS)
    progress.end()


def _await_no_consumers(queue: WatchedQueue) -> None:
    end = monotonic() + _LEAVE_SECONDS_MAX
    while consumers := queue.counts().consumers:
        if monotonic() > end:
            raise PreconditionFailed(
                f"{plural(consumers, 'consumer')} of the parent's queue did not stop: stop the"
                " services"
            )
        queue.sleep(_POLL_SECONDS)


def _consume_rest(queue: WatchedQueue, settings: Settings) -> None:
    """Consume until the queue is empty; what was not acknowledged is requeued."""
    stop = ShutdownEvent()
    worker = Thread(
        target=InboxWorker(settings, stop, is_draining=True, is_last=True).run,
        name="consume_messages",
        daemon=True,
    )
    worker.start()
    end = monotonic() + _STUCK_SECONDS_MAX
    while worker.is_alive() and queue.counts().ready:
        if monotonic() > end:
            break
        queue.sleep(_POLL_SECONDS)
    stop.request()
    worker.join(_JOIN_SECONDS_MAX)
    if queue.counts().ready and monotonic() > end:
        raise PreconditionFailed(
            "could not process the rest of the parent's queue: see the lines above"
        )
