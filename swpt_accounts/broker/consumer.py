"""Consumes a queue in batches: what has arrived is handled together, and acknowledged once."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError, UnroutableError
from pika.spec import Basic

from swpt_accounts.broker.connecting import connect_blocking
from swpt_accounts.broker.dead_letters import dead_letter_properties
from swpt_accounts.broker.topology import dead_letter_queue, declare_dead_letter_queue
from swpt_accounts.workers.stopping import Stop

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
# Where there is no prefetch count, a batch is limited to this.
BATCH_COUNT_MAX = 10_000


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


# Handles a batch wholly, and returns the messages that it refuses.
BatchHandler = Callable[[list[Delivery]], list[Refusal]]


class BatchConsumer:
    """A connection that consumes one queue."""

    def __init__(
        self, url: str, queue: str, name: str, *, prefetch_count: int, prefetch_size: int = 0
    ) -> None:
        """Connect. Raises `AMQPError`."""
        self._queue = queue
        self._user = pika.URLParameters(url).credentials.username
        self._batch: list[Delivery] = []
        self._batch_count_max = prefetch_count or BATCH_COUNT_MAX
        self._dead_letters: BlockingChannel | None = None
        self._connection = connect_blocking(url, name)
        try:
            self._channel = self._connection.channel()
            self._channel.basic_qos(prefetch_size=prefetch_size, prefetch_count=prefetch_count)
            self._consumer_tag = self._channel.basic_consume(queue, self._on_delivery)
            self._channel.add_on_cancel_callback(self._on_cancel)
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

    def run(self, handle: BatchHandler, stop: Stop) -> None:
        """Handle batches until the stop. What is not handled by then goes back to the queue.

        Raises `AMQPError` when the connection is lost, and whatever `handle` raises.
        """
        while not stop.is_requested():
            if batch := self.next_batch():
                self.finish(batch, handle(batch))

    def next_batch(self) -> list[Delivery]:
        """What has arrived; possibly nothing, after a short wait."""
        self._connection.process_data_events(time_limit=POLL_SECONDS)
        count = 0
        while count < len(self._batch) < self._batch_count_max:
            count = len(self._batch)
            self._connection.process_data_events(time_limit=0)
        batch, self._batch = self._batch, []
        return batch

    def keep_alive(self) -> None:
        """Answer the broker's heartbeats during a long wait."""
        self._connection.process_data_events(time_limit=0)

    def finish(self, batch: list[Delivery], refusals: Iterable[Refusal]) -> None:
        """Put the refused messages aside, then acknowledge the whole batch."""
        for refusal in refusals:
            self._put_aside(refusal)
        self._channel.basic_ack(batch[-1].tag, multiple=True)

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
        if self._connection.is_open:
            self._connection.close()
