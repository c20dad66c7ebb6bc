"""Consumes a queue in batches: what has arrived is handled together, and acknowledged once."""

import logging
import math
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from select import POLLIN, poll
from threading import Thread

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError, UnroutableError
from pika.spec import Basic

from swpt_accounts.broker.connecting import connect_blocking
from swpt_accounts.broker.dead_letters import dead_letter_properties
from swpt_accounts.broker.topology import dead_letter_queue, declare_dead_letter_queue
from swpt_accounts.workers.stopping import Stop

logger = logging.getLogger(__name__)

# Heartbeats are answered in this time at least.
POLL_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as it came from the broker."""

    tag: int
    routing_key: str
    is_redelivered: bool
    properties: pika.BasicProperties
    body: bytes


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that cannot be handled, ever, and why."""

    delivery: Delivery
    reason: str


class BatchConsumer:
    """A connection that consumes one queue."""

    def __init__(
        self,
        url: str,
        queue: str,
        name: str,
        *,
        prefetch_count: int,
        prefetch_size: int = 0,
        stop: Stop | None = None,
    ) -> None:
        """Connect. The stop, when it comes, ends a wait. Raises `AMQPError`."""
        self._queue = queue
        self._user = pika.URLParameters(url).credentials.username
        self._batch: list[Delivery] = []
        self._prefetch_count = prefetch_count
        # The tags of what is not acknowledged yet, in order.
        self._unfinished: list[int] = []
        self._dead_letters: BlockingChannel | None = None
        self._watch: _StopWatch | None = None
        self._connection = connect_blocking(url, name)
        try:
            self._channel = self._connection.channel()
            self._channel.basic_qos(prefetch_size=prefetch_size, prefetch_count=prefetch_count)
            self._consumer_tag = self._channel.basic_consume(queue, self._on_delivery)
            self._channel.add_on_cancel_callback(self._on_cancel)
            self._watch = _StopWatch(self._connection, stop) if stop else None
        except AMQPError:
            self.close()
            raise

    def _on_delivery(
        self,
        _channel: BlockingChannel,
        method: Basic.Deliver,
        properties: pika.BasicProperties,
        body: bytes,
    ) -> None:
        self._batch.append(
            Delivery(method.delivery_tag, method.routing_key, method.redelivered, properties, body)
        )

    def _on_cancel(self, _method: object) -> None:
        raise AMQPError(f"the broker has cancelled the consumer of {self._queue!r}")

    def next_batch(self, seconds_max: float = POLL_SECONDS) -> list[Delivery]:
        """What has arrived; possibly nothing, after that time. Raises `AMQPError`."""
        self._connection.process_data_events(time_limit=seconds_max)
        count = 0
        while count < len(self._batch) < self._prefetch_count:
            count = len(self._batch)
            self._connection.process_data_events(time_limit=0)
        batch, self._batch = self._batch, []
        self._unfinished += [delivery.tag for delivery in batch]
        return batch

    def keep_alive(self) -> None:
        """Answer the broker's heartbeats during a long wait."""
        self._connection.process_data_events(time_limit=0)

    def finish(self, deliveries: Iterable[Delivery], refusals: Iterable[Refusal]) -> None:
        """Put the refused ones of these messages aside, then acknowledge all of these."""
        for refusal in refusals:
            self._put_aside(refusal)
        finished = {delivery.tag for delivery in deliveries}
        self._unfinished = [tag for tag in self._unfinished if tag not in finished]
        first_unfinished = self._unfinished[0] if self._unfinished else math.inf
        up_to = max((tag for tag in finished if tag < first_unfinished), default=None)
        if up_to is not None:
            self._channel.basic_ack(up_to, multiple=True)
        for tag in sorted(tag for tag in finished if tag > first_unfinished):
            self._channel.basic_ack(tag)

    def _put_aside(self, refusal: Refusal) -> None:
        """Publish a message to the dead-letter queue, and wait until it is safe there."""
        logger.error(
            "A message with routing key %r, of %d bytes, goes to %r: %s",
            refusal.delivery.routing_key,
            len(refusal.delivery.body),
            dead_letter_queue(self._queue),
            refusal.reason,
        )
        properties = dead_letter_properties(
            refusal.delivery.properties,
            refusal.delivery.routing_key,
            refusal.reason,
            self._user,
        )
        try:
            self._publish_dead_letter(refusal.delivery.body, properties)
        except UnroutableError:
            # Somebody has removed the dead-letter queue.
            declare_dead_letter_queue(self._connection, self._queue)
            self._publish_dead_letter(refusal.delivery.body, properties)

    def _publish_dead_letter(self, body: bytes, properties: pika.BasicProperties) -> None:
        self._dead_letter_channel().basic_publish(
            "", dead_letter_queue(self._queue), body, properties, mandatory=True
        )

    def _dead_letter_channel(self) -> BlockingChannel:
        if self._dead_letters is None:
            self._dead_letters = self._connection.channel()
            self._dead_letters.confirm_delivery()
        return self._dead_letters

    def pause(self) -> None:
        """Stop receiving; what was received and not handled goes back to the queue."""
        self._channel.basic_cancel(self._consumer_tag)
        if self._batch:
            self._channel.basic_nack(self._batch[-1].tag, multiple=True, requeue=True)
            self._batch = []

    def resume(self) -> None:
        """Receive again."""
        self._consumer_tag = self._channel.basic_consume(self._queue, self._on_delivery)

    def close(self) -> None:
        """Give back what is not acknowledged, and disconnect."""
        if self._watch is not None:
            self._watch.end()
        if self._connection.is_open:
            self._connection.close()


class _StopWatch:
    """A thread that ends the waits of a connection when the stop comes.

    Else the connection would have to wake up all the time to look for it.
    """

    def __init__(self, connection: pika.BlockingConnection, stop: Stop) -> None:
        self._connection = connection
        self._stop = stop
        self._end_fd, self._write_fd = os.pipe()
        self._thread = Thread(target=self._run, name="stop watch", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        waiting = poll()
        waiting.register(self._stop.fileno(), POLLIN)
        waiting.register(self._end_fd, POLLIN)
        waiting.poll()
        if self._stop.is_requested():
            with suppress(AMQPError):
                self._connection.add_callback_threadsafe(lambda: None)

    def end(self) -> None:
        """End the thread."""
        os.write(self._write_fd, b"!")
        self._thread.join()
        os.close(self._end_fd)
        os.close(self._write_fd)
