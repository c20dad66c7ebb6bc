"""Puts refused messages into the dead-letter queue, and waits until they are safe there."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import NamedTuple

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import (
    AMQPConnectionError,
    AMQPError,
    ChannelClosedByBroker,
    UnroutableError,
)

from swpt_accounts.broker.headers import sendable_headers
from swpt_accounts.broker.publisher import Publication, Publisher
from swpt_accounts.broker.topology import (
    dead_letter_queue,
    declare_dead_letter_queue,
    money_letter_queue,
)
from swpt_accounts.db.errors import one_line
from swpt_accounts.db.outage_reporter import Backoff
from swpt_accounts.observability.events.messages import (
    DEAD_LETTER_QUEUE_REFUSES,
    MONEY_LETTER_ELSEWHERE,
)
from swpt_accounts.workers.shutdown import ShutdownEvent

logger = logging.getLogger(__name__)

REASON_HEADER = "x-rejection-reason"
ROUTING_KEY_HEADER = "x-rejected-routing-key"
MOMENT_HEADER = "x-rejected-at"
# How long a refused message is held while the dead-letter queue takes nothing.
PUT_ASIDE_SECONDS_MAX = 300.0
PUT_ASIDE_PAUSE_SECONDS_MAX = 15.0
# How long a connection for many letters stays without any.
TOGETHER_SECONDS_MAX = 30.0
# After a failure, letters go one by one for so long.
TOGETHER_PAUSE_SECONDS = 60.0
_ACCESS_REFUSED = 403


class Letter(NamedTuple):
    """A body, its properties, and whether it is money that another shard has sent."""

    body: bytes
    properties: pika.BasicProperties
    is_money: bool = False


def dead_letter_properties(
    properties: pika.BasicProperties, routing_key: str, reason: str, user: str
) -> pika.BasicProperties:
    """The properties of a refused message, with the reason and the moment in added headers."""
    properties.headers = {
        **sendable_headers(properties, user),
        REASON_HEADER: reason,
        ROUTING_KEY_HEADER: routing_key,
        MOMENT_HEADER: datetime.now(UTC).isoformat(),
    }
    return properties


class ConfirmedPublisher:
    """A channel with confirms on the connection of a consumer."""

    def __init__(self, connection: pika.BlockingConnection) -> None:
        self._connection = connection
        self._channel: BlockingChannel | None = None

    def publish(self, queue: str, body: bytes, properties: pika.BasicProperties) -> None:
        """Publish a message to a queue. Raises `AMQPError` if the queue does not take it."""
        if self._channel is None or not self._channel.is_open:
            self._channel = self._connection.channel()
            self._channel.confirm_delivery()
        self._channel.basic_publish("", queue, body, properties, mandatory=True)


class DeadLetterPublisher:
    """Publishes to the dead-letter queues of a queue: to one with money, which nothing pushes out
    of it, and to one with the rest, of which strangers may send any number.

    Many letters go together, over a connection of their own, which stays open while they come: in a
    storm of bad messages, the others do not have to wait until each letter is confirmed.
    """

    def __init__(
        self,
        connection: pika.BlockingConnection,
        publisher: ConfirmedPublisher,
        shutdown: ShutdownEvent | None,
        *,
        url: str,
        name: str,
        queue: str,
    ) -> None:
        self._connection = connection
        self._publisher = publisher
        self._shutdown = shutdown
        self._url = url
        self._name = name
        self._queue = queue
        self._together: Publisher | None = None
        self._used_at = 0.0
        self._again_at = 0.0

    def publish(self, letter: Letter) -> None:
        """Publish a letter; while the queue takes nothing, wait.

        A consumer that did not wait would give its messages back, and get them again, without a
        pause. Raises `AMQPError` after five minutes, and when a shutdown or the end of the
        connection comes before; without `shutdown`, at once.
        """
        backoff = Backoff(seconds_max=PUT_ASIDE_PAUSE_SECONDS_MAX)
        give_up_at = monotonic() + PUT_ASIDE_SECONDS_MAX
        is_logged = False
        while True:
            try:
                self._publish(letter)
                return
            except AMQPError as error:
                if not self._connection.is_open or self._shutdown is None:
                    raise
                if not is_logged:
                    name = self._name_for(letter)
                    DEAD_LETTER_QUEUE_REFUSES.log(logger, queue=name, problem=one_line(error))
                    is_logged = True
                if self._shutdown.wait(backoff.next()) or monotonic() >= give_up_at:
                    raise
                self._connection.process_data_events(time_limit=0)

    def _publish(self, letter: Letter) -> None:
        name = self._name_for(letter)
        try:
            self._publisher.publish(name, letter.body, letter.properties)
        except UnroutableError:
            # There was no money yet, or somebody has removed the queue.
            name = self._declare(name)
            self._publisher.publish(name, letter.body, letter.properties)

    def _declare(self, name: str) -> str:
        """Declare a queue of letters, or find the one that is there in its place."""
        try:
            declare_dead_letter_queue(self._connection, name)
        except ChannelClosedByBroker as error:
            if error.reply_code != _ACCESS_REFUSED or name == dead_letter_queue(self._queue):
                raise
            # this user may only declare the queue that earlier versions had
            instead = dead_letter_queue(self._queue)
            MONEY_LETTER_ELSEWHERE.log(
                logger, queue=name, instead=instead, problem=error.reply_text
            )
            return instead
        return name

    def _name_for(self, letter: Letter) -> str:
        return (money_letter_queue if letter.is_money else dead_letter_queue)(self._queue)

    def publish_together(self, letters: Sequence[Letter]) -> set[int]:
        """Publish letters, in their order. Returns the positions of those that are safe, which may
        be none; the others are to be published one by one. Raises `AMQPError` when shutdown is
        requested, or the connection of the consumer ends.
        """
        if monotonic() < self._again_at:
            return set()
        publications = [
            Publication("", self._name_for(letter), letter.properties, letter.body)
            for letter in letters
        ]
        try:
            if self._together is None:
                self._together = Publisher(self._url, self._name)
            refused = self._together.publish(publications, self._go_on)
        except AMQPError:
            self._again_at = monotonic() + TOGETHER_PAUSE_SECONDS
            self.close()
            self._go_on()
            return set()
        self._used_at = monotonic()
        return set(range(len(letters))).difference(refused)

    def _go_on(self) -> None:
        """Answer the broker's heartbeats to the consumer during a long wait."""
        if self._shutdown is not None and self._shutdown.is_requested():
            raise AMQPConnectionError("shutdown is requested")
        self._connection.process_data_events(time_limit=0)

    def maintain(self) -> None:
        """Close the connection for many letters when none have come. Call from time to time."""
        if self._together is None:
            return
        if monotonic() - self._used_at > TOGETHER_SECONDS_MAX:
            self.close()
            return
        try:
            self._together.keep_alive()
        except AMQPError:
            self.close()

    def close(self) -> None:
        """Disconnect, but for the connection of the consumer."""
        together, self._together = self._together, None
        if together is not None:
            together.close()
