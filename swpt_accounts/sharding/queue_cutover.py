"""How the messages of a parent are routed to its children, from one moment on.

Between `accounts_in` and the parent's queue there are two exchanges of the split. The first one has
no queue but the parent's, and an alternate exchange, to which the children's queues are bound. When
the parent's queue is unbound, what came to it goes to them: in one step, once, and without a
policy. Other queues that are bound to `accounts_in` receive what they always have.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from threading import Thread
from time import monotonic
from typing import Final

from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection

from swpt_accounts.broker import topology
from swpt_accounts.broker.connections import connect_blocking, user_of
from swpt_accounts.broker.consumer import BatchConsumer, Delivery, copy_of
from swpt_accounts.broker.publisher import Publication, Publisher
from swpt_accounts.broker.topology import QueueCounts, exchange_exists, queue_counts
from swpt_accounts.core.formatting import number, plural
from swpt_accounts.db.operator_session import OperatorSession, PreconditionFailed
from swpt_accounts.inbox.worker import InboxWorker
from swpt_accounts.settings import Settings
from swpt_accounts.sharding.children import Family
from swpt_accounts.sharding.sessions import Deadline
from swpt_accounts.smp.routing import ACCOUNTS_IN_EXCHANGE
from swpt_accounts.workers.shutdown import ShutdownEvent

_MOVED_COUNT_MAX: Final = 1000
_MOVE_SECONDS_MAX: Final = 600.0


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
            return queue_counts(connection, queue or self._queue)

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
                found = queue_counts(connection, queue) or QueueCounts(0, 0)
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
            if queue_counts(connection, self._queue) is None:
                raise PreconditionFailed(f"the parent's queue {self._queue!r} does not exist")
            channel = connection.channel()
            channel.exchange_declare(self._alternate, "topic", durable=True)
            for queue in self._keys:
                topology.declare_incoming_queue(connection, queue)
            self._unbind_children(channel)
            for queue, key in self._keys.items():
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

    def unbind_children(self) -> None:
        """Remove the bindings of children that have subscribed already: `configure` makes them.

        What the parent gets would come to them, too.
        """
        with self._connected() as connection:
            self._unbind_children(connection.channel())

    def _unbind_children(self, channel: BlockingChannel) -> None:
        for queue, key in self._keys.items():
            channel.queue_unbind(queue, ACCOUNTS_IN_EXCHANGE, key)

    def switch(self) -> None:
        """From now on messages go to the children. Harmless when that has been done."""
        with self._connected() as connection:
            if not exchange_exists(connection, self._first):
                return
            channel = connection.channel()
            self._unbind_children(channel)
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

    def take_back(self) -> None:
        """From now on messages go to the parent again, and those that have waited come home.

        Each of them is marked as a copy, so that it is recognised if it comes twice.
        """
        with self._connected() as connection:
            self._bring_home(connection)
            channel = connection.channel()
            if exchange_exists(connection, self._first):
                # from here, no message goes to the children
                channel.queue_bind(self._queue, self._first, "")
            channel.queue_bind(self._queue, ACCOUNTS_IN_EXCHANGE, self._key)
            self._unbind_children(channel)
            self._bring_home(connection)

    def _bring_home(self, connection: BlockingConnection) -> None:
        """Move what is in the queues of the children now."""
        with closing(Publisher(self._url, "shards")) as publisher:
            for queue in self._keys:
                found = queue_counts(connection, queue)
                if found is not None and found.ready:
                    _move(self._url, queue, self._queue, found.ready, publisher)

    def undo(self) -> None:
        with self._connected() as connection:
            channel = connection.channel()
            channel.queue_bind(self._queue, ACCOUNTS_IN_EXCHANGE, self._key)
            self._delete_exchanges(connection, channel)
            for queue in self._keys:
                channel.queue_delete(queue)
        for url, queue in self._chores:
            topology.delete_chores_queue(url, queue, incoming=self._queue)

    def delete_parents_queue(self) -> None:
        """Delete the queue of the parent. Raises `PreconditionFailed` if something is in it."""
        with self._connected() as connection:
            found = queue_counts(connection, self._queue)
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
        if exchange_exists(connection, self._first):
            channel.exchange_unbind(self._first, ACCOUNTS_IN_EXCHANGE, self._key)
        channel.exchange_delete(self._first)
        channel.exchange_delete(self._alternate)

    def _connected(self) -> BlockingConnection:
        return connect_blocking(self._url, "shards")


def _move(url: str, queue: str, destination: str, count: int, publisher: Publisher) -> None:
    """Move so many messages, or some more. Raises `PreconditionFailed`, `AMQPError`."""
    consumer = BatchConsumer(url, queue, "shards", prefetch_count=_MOVED_COUNT_MAX)
    end = monotonic() + _MOVE_SECONDS_MAX
    try:
        while count > 0 and monotonic() < end:
            batch = consumer.next_batch()
            refused = publisher.publish(_publication(d, destination, user_of(url)) for d in batch)
            for reason in refused.values():
                raise PreconditionFailed(
                    f"messages of the queue {queue!r} could not be moved to {destination!r}:"
                    f" {reason}"
                )
            consumer.finish(batch, [])
            count -= len(batch)
    finally:
        consumer.close()
    if count > 0:
        raise PreconditionFailed(
            f"{plural(count, 'message')} of the queue {queue!r} did not come: does somebody else"
            " consume it?"
        )


def _publication(delivery: Delivery, queue: str, user: str) -> Publication:
    return Publication("", queue, copy_of(delivery, user), delivery.body)


class WatchedQueue:
    def __init__(self, connection: BlockingConnection, queue: str) -> None:
        self._connection = connection
        self._queue = queue

    def counts(self) -> QueueCounts:
        """What is in it now; nothing, if it was deleted."""
        return queue_counts(self._connection, self._queue) or QueueCounts(0, 0)

    def sleep(self, seconds: float) -> None:
        """Wait, and answer the broker's heartbeats."""
        self._connection.sleep(seconds)


READY_COUNT_MAX: Final = 10_000
"""With more messages in its queue, the parent would keep the children waiting for long."""
_POLL_SECONDS: Final = 0.05
_REPORT_SECONDS: Final = 10.0
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
    relay: QueueCutover,
    parent: OperatorSession,
    settings: Settings,
    deadline: Deadline,
    report: Callable[[str], None],
) -> None:
    """Return when the parent's queue is empty, and has no consumers.

    First the parent's consumers process it. What they requeue when they stop is consumed here; it
    is recognised by its redelivered flag, as after any crash. Raises
    `PreconditionFailed` if that takes too long.
    """
    with relay.watched() as queue:
        watch = _Watch(queue, deadline, report)
        watch.wait_while(lambda found: found.ready > 0 and found.consumers > 0)
        parent.run("parent", "stop_consumers")
        watch.wait_while(lambda found: found.consumers > 0)
        while queue.counts().ready:
            _consume_rest(watch, settings)
            watch.wait_while(lambda found: found.consumers > 0)


def stop_consumers(
    relay: QueueCutover,
    parent: OperatorSession,
    deadline: Deadline,
    report: Callable[[str], None],
) -> None:
    """Return when the queue has no consumers; its messages are for the child."""
    parent.run("parent", "stop_consumers")
    with relay.watched() as queue:
        _Watch(queue, deadline, report).wait_while(lambda found: found.consumers > 0)


class _Watch:
    """Waits for the parent's queue, says from time to time for what, and not for ever."""

    def __init__(
        self, queue: WatchedQueue, deadline: Deadline, report: Callable[[str], None]
    ) -> None:
        self.queue = queue
        self._deadline = deadline
        self._report = report
        self._reported_at = monotonic()

    def wait_while(self, condition: Callable[[QueueCounts], bool]) -> None:
        """Wait while it is true of what is in the queue."""
        while condition(found := self.queue.counts()):
            self.wait(
                f"the parent's queue still has {plural(found.ready, 'message')} and"
                f" {plural(found.consumers, 'consumer')}"
            )

    def wait(self, what: str) -> None:
        """Wait for a moment. Raises `PreconditionFailed` at the deadline."""
        self._deadline.check(f"{what}: see what holds them in the logs of its services")
        if monotonic() - self._reported_at >= _REPORT_SECONDS:
            self._reported_at = monotonic()
            self._report(what)
        self.queue.sleep(_POLL_SECONDS)


def _consume_rest(watch: _Watch, settings: Settings) -> None:
    """Consume until the queue is empty; what was not acknowledged is requeued."""
    shutdown = ShutdownEvent()
    consumer = InboxWorker(settings, shutdown, is_draining=True, is_last=True)
    worker = Thread(target=consumer.run, name="consume_messages", daemon=True)
    worker.start()
    try:
        while worker.is_alive() and ((ready := watch.queue.counts().ready) or consumer.held_count):
            watch.wait(
                f"the parent's queue still has {plural(ready + consumer.held_count, 'message')};"
                " those of a locked account, or of a rate that another shard has to say, are held"
            )
    finally:
        shutdown.request()
        worker.join(_JOIN_SECONDS_MAX)
