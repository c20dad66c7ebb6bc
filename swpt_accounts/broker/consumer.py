"""Consumes a queue in batches: what has arrived is handled together, and acknowledged once."""

import logging
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from random import getrandbits

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError
from pika.spec import Basic

from swpt_accounts.broker.connections import ShutdownWatch, connect_blocking, user_of
from swpt_accounts.broker.dead_letters import (
    ConfirmedPublisher,
    DeadLetterPublisher,
    Letter,
    dead_letter_properties,
)
from swpt_accounts.broker.redelivery_reset import (
    COPY_HEADER,
    REPLAYED_HEADER,
    RETURNS_COUNT_MAX,
    came_back_too_often,
    copy_properties,
    take_copy_mark,
    take_origin,
)
from swpt_accounts.broker.topology import dead_letter_queue, money_letter_queue
from swpt_accounts.db.errors import one_line
from swpt_accounts.observability import heartbeat
from swpt_accounts.observability.events.messages import (
    COPIES_REFUSED,
    MESSAGE_DEAD_LETTERED,
    MESSAGES_RENEWED,
)
from swpt_accounts.observability.metrics.definitions import CONNECTIONS, DEAD_LETTERS
from swpt_accounts.observability.metrics.recorder import count
from swpt_accounts.smp.decoder import ids_in
from swpt_accounts.smp.incoming import PendingBalanceChange
from swpt_accounts.workers.shutdown import ShutdownEvent

logger = logging.getLogger(__name__)

NOT_FROM_SHARD = "not_from_shard"
"""The kind of refusals of balance changes that no shard has sent."""

# Heartbeats are answered in this time at least.
POLL_SECONDS = 10.0
# So many refused messages at once are worth a connection.
TOGETHER_COUNT_MIN = 8
SERVER = "the broker"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as it came from the broker.

    One that `is_copy` may be there twice, and counts as redelivered. The `sender` is a user of the
    broker, which has verified it, or None; an operator has sent again what `is_replayed`.
    """

    tag: int
    routing_key: str
    is_redelivered: bool
    properties: pika.BasicProperties
    body: bytes
    is_copy: bool = False
    sender: str | None = None
    is_replayed: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that cannot be handled, ever, and why. The kind is for metrics."""

    delivery: Delivery
    reason: str
    kind: str = "malformed"


def is_signed_change(delivery: Delivery) -> bool:
    """Whether it is a balance change for whose sender the broker answers, or an operator."""
    is_signed = delivery.sender is not None or delivery.is_replayed
    return is_signed and delivery.properties.type == PendingBalanceChange.__name__


def copy_of(delivery: Delivery, user: str) -> pika.BasicProperties:
    """The properties of a copy of a message, to be published to a queue by that user."""
    properties = delivery.properties
    copied = copy_properties(properties, delivery.routing_key, user, delivery.sender)
    if delivery.is_replayed:
        copied.headers[REPLAYED_HEADER] = user
    return copied


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
        shutdown: ShutdownEvent | None = None,
    ) -> None:
        """Connect. A shutdown request ends a wait. Raises `AMQPError`."""
        self._queue = queue
        self._user = user_of(url)
        self._batch: list[Delivery] = []
        self._prefetch_count = prefetch_count
        # The tags of what is not acknowledged yet, in order.
        self._unfinished: list[int] = []
        # Of these, those that have come back too often.
        self._worn: list[Delivery] = []
        self._takes_copies = True
        # Of several consumers the first gets what it has room for: docs/decisions/0036.
        self._arguments = {"x-priority": getrandbits(31)}
        self._watch: ShutdownWatch | None = None
        with heartbeat.awaiting(SERVER):
            self._connection = connect_blocking(url, name)
        count(CONNECTIONS, 1, name, "broker")
        self._publisher = ConfirmedPublisher(self._connection)
        self._letters = DeadLetterPublisher(
            self._connection, self._publisher, shutdown, url=url, name=name, queue=queue
        )
        try:
            self._channel = self._connection.channel()
            self._channel.basic_qos(prefetch_size=prefetch_size, prefetch_count=prefetch_count)
            self._consumer_tag = self._start()
            self._channel.add_on_cancel_callback(self._on_cancel)
            self._watch = ShutdownWatch(self._connection, shutdown) if shutdown else None
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
        routing_key, is_redelivered, is_copy = method.routing_key, method.redelivered, False
        sender, is_replayed = take_origin(method.exchange, properties)
        headers = properties.headers
        if headers and COPY_HEADER in headers:
            routing_key = take_copy_mark(headers, routing_key)
            is_redelivered = is_copy = True
        delivery = Delivery(
            method.delivery_tag,
            routing_key,
            is_redelivered,
            properties,
            body,
            is_copy,
            sender,
            is_replayed,
        )
        if method.redelivered and came_back_too_often(headers):
            self._worn.append(delivery)
        self._batch.append(delivery)

    def _on_cancel(self, _method: object) -> None:
        raise AMQPError(f"the broker has cancelled the consumer of {self._queue!r}")

    def next_batch(self, seconds_max: float = POLL_SECONDS) -> list[Delivery]:
        """What has arrived; possibly nothing, after that time. Raises `AMQPError`."""
        heartbeat.beat(seconds_max + heartbeat.BEAT_SECONDS_MAX)
        self._connection.process_data_events(time_limit=seconds_max)
        heartbeat.beat()
        found = 0
        while found < len(self._batch) < self._prefetch_count:
            found = len(self._batch)
            self._connection.process_data_events(time_limit=0)
        batch, self._batch = self._batch, []
        if self._worn:
            batch = self._renew(batch)
        self._unfinished += [delivery.tag for delivery in batch]
        self._letters.maintain()
        return batch

    def keep_alive(self) -> None:
        """Answer the broker's heartbeats during a long wait."""
        self._connection.process_data_events(time_limit=0)

    def _renew(self, batch: list[Delivery]) -> list[Delivery]:
        """Put copies of worn messages into the queue. Returns the messages that stay.

        When interrupted, a message is in the queue twice, and both are marked as copies.
        """
        worn, self._worn = self._worn, []
        renewed: set[int] = set()
        for delivery in worn:
            properties = copy_of(delivery, self._user)
            try:
                self._publisher.publish(self._queue, delivery.body, properties)
            except AMQPError as error:
                if not self._connection.is_open:
                    raise
                if self._takes_copies:
                    self._takes_copies = False
                    COPIES_REFUSED.log(logger, queue=self._queue, problem=one_line(error))
                break
            self._channel.basic_ack(delivery.tag)
            renewed.add(delivery.tag)
        if renewed:
            MESSAGES_RENEWED.log(
                logger, count=len(renewed), queue=self._queue, returns_count=RETURNS_COUNT_MAX
            )
        return [delivery for delivery in batch if delivery.tag not in renewed]

    def finish(self, deliveries: Iterable[Delivery], refusals: Iterable[Refusal]) -> None:
        """Acknowledge messages; the refused ones of them when they have been put aside."""
        refused = {refusal.delivery.tag: refusal for refusal in refusals}
        with heartbeat.awaiting(SERVER):
            self._acknowledge({d.tag for d in deliveries if d.tag not in refused})
            letters = {tag: self._letter_of(refusal) for tag, refusal in refused.items()}
            if len(letters) >= TOGETHER_COUNT_MIN:
                positions = self._letters.publish_together(list(letters.values()))
                tags = [tag for i, tag in enumerate(letters) if i in positions]
                self._finish_refused([refused[tag] for tag in tags])
                for tag in tags:
                    del letters[tag]
            for tag, letter in letters.items():
                self._letters.publish(letter)
                self._finish_refused([refused[tag]])

    def _finish_refused(self, refusals: list[Refusal]) -> None:
        self._acknowledge({refusal.delivery.tag for refusal in refusals})
        for kind, number in Counter(refusal.kind for refusal in refusals).items():
            count(DEAD_LETTERS, number, kind)

    def _acknowledge(self, finished: set[int]) -> None:
        self._unfinished = [tag for tag in self._unfinished if tag not in finished]
        first_unfinished = self._unfinished[0] if self._unfinished else math.inf
        up_to = max((tag for tag in finished if tag < first_unfinished), default=None)
        if up_to is not None:
            self._channel.basic_ack(up_to, multiple=True)
        for tag in sorted(tag for tag in finished if tag > first_unfinished):
            self._channel.basic_ack(tag)

    def _letter_of(self, refusal: Refusal) -> Letter:
        """Log that a message is refused. Returns what the dead-letter queue gets."""
        delivery = refusal.delivery
        is_money = refusal.kind != NOT_FROM_SHARD and is_signed_change(delivery)
        MESSAGE_DEAD_LETTERED.log(
            logger,
            routing_key=delivery.routing_key,
            bytes_count=len(delivery.body),
            queue=(money_letter_queue if is_money else dead_letter_queue)(self._queue),
            reason=refusal.reason,
            message_type=delivery.properties.type,
            about=lambda: ids_in(delivery.body),
        )
        properties = dead_letter_properties(
            delivery.properties, delivery.routing_key, refusal.reason, self._user
        )
        return Letter(delivery.body, properties, is_money)

    def pause(self) -> None:
        """Stop receiving; what was received and not handled goes back to the queue."""
        self._channel.basic_cancel(self._consumer_tag)
        if self._batch:
            self._channel.basic_nack(self._batch[-1].tag, multiple=True, requeue=True)
            self._batch, self._worn = [], []

    def resume(self) -> None:
        self._consumer_tag = self._start()

    def _start(self) -> str:
        """Let messages come. Returns the consumer's tag."""
        tag: str = self._channel.basic_consume(
            self._queue, self._on_delivery, arguments=self._arguments
        )
        return tag

    def close(self) -> None:
        """Give back what is not acknowledged, and disconnect."""
        if self._watch is not None:
            self._watch.end()
        self._letters.close()
        if self._connection.is_open:
            self._connection.close()
