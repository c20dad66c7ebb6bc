"""Posts chores to the chores queue."""

import logging

import pika
from pika.exceptions import AMQPError
from pika.spec import PERSISTENT_DELIVERY_MODE

from swpt_accounts.broker.publisher import Publication, Publisher
from swpt_accounts.settings import Settings
from swpt_accounts.smp.chores import Chore, encode_chore
from swpt_accounts.smp.types import CONTENT_TYPE

logger = logging.getLogger(__name__)


class ChoresPoster:
    """Connects to the chores broker when there is something to post."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.chores_broker_url
        self._queue = settings.chores_broker_queue
        self._publisher: Publisher | None = None

    def post(self, chores: list[Chore]) -> None:
        """Post chores. Raises `AMQPError`: then some may be lost, which does no harm."""
        if not chores:
            return
        self._drop_lost_connection()
        if self._publisher is None:
            self._publisher = Publisher(self._url, "chores")
        refused = self._publisher.publish(map(self._publication, chores))
        if refused:
            logger.warning(
                "The queue %r did not take %d of %d chores: %s",
                self._queue,
                len(refused),
                len(chores),
                next(iter(refused.values())),
            )

    def _drop_lost_connection(self) -> None:
        """Between two posts there can be hours, in which no heartbeat is answered."""
        if self._publisher is not None:
            try:
                self._publisher.keep_alive()
            except AMQPError:
                self.close()

    def _publication(self, chore: Chore) -> Publication:
        properties = pika.BasicProperties(
            delivery_mode=PERSISTENT_DELIVERY_MODE,
            content_type=CONTENT_TYPE,
            type=type(chore).__name__,
        )
        return Publication("", self._queue, properties, encode_chore(chore))

    def close(self) -> None:
        """Disconnect; the next post connects again."""
        if self._publisher is not None:
            publisher, self._publisher = self._publisher, None
            publisher.close()
