"""Publishes single messages to queues, and waits until they are safe there."""

import logging
from time import monotonic

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError, UnroutableError

from swpt_accounts.broker.topology import dead_letter_queue, declare_dead_letter_queue
from swpt_accounts.events.messages import DEAD_LETTER_QUEUE_REFUSES
from swpt_accounts.workers.backoff import Backoff
from swpt_accounts.workers.stopping import Stop

logger = logging.getLogger(__name__)

# How long a refused message is held while the dead-letter queue takes nothing.
PUT_ASIDE_SECONDS_MAX = 300.0
PUT_ASIDE_PAUSE_SECONDS_MAX = 15.0


class SafePublisher:
    """A channel with confirms on the connection of a consumer."""

    def __init__(self, connection: pika.BlockingConnection, stop: Stop | None) -> None:
        self._connection = connection
        self._stop = stop
        self._channel: BlockingChannel | None = None

    def publish(self, queue: str, body: bytes, properties: pika.BasicProperties) -> None:
        """Publish a message to a queue. Raises `AMQPError` if the queue does not take it."""
        if self._channel is None or not self._channel.is_open:
            self._channel = self._connection.channel()
            self._channel.confirm_delivery()
        self._channel.basic_publish("", queue, body, properties, mandatory=True)

    def publish_dead_letter(
        self, queue: str, body: bytes, properties: pika.BasicProperties
    ) -> None:
        """Publish a message to the dead-letter queue of a queue; while that takes nothing, wait.

        A consumer that did not wait would give its messages back, and get them again, without a
        pause. Raises `AMQPError` after five minutes, and when the stop or the end of the
        connection comes before; without a stop, at once.
        """
        backoff = Backoff(seconds_max=PUT_ASIDE_PAUSE_SECONDS_MAX)
        give_up_at = monotonic() + PUT_ASIDE_SECONDS_MAX
        is_told = False
        while True:
            try:
                self._publish_dead_letter(queue, body, properties)
                return
            except AMQPError as error:
                if not self._connection.is_open or self._stop is None:
                    raise
                if not is_told:
                    name = dead_letter_queue(queue)
                    DEAD_LETTER_QUEUE_REFUSES.tell(logger, queue=name, problem=repr(error))
                    is_told = True
                if self._stop.wait(backoff.next()) or monotonic() >= give_up_at:
                    raise
                self._connection.process_data_events(time_limit=0)

    def _publish_dead_letter(
        self, queue: str, body: bytes, properties: pika.BasicProperties
    ) -> None:
        try:
            self.publish(dead_letter_queue(queue), body, properties)
        except UnroutableError:
            # Somebody has removed the dead-letter queue.
            declare_dead_letter_queue(self._connection, queue)
            self.publish(dead_letter_queue(queue), body, properties)
