"""The threads that ask the brokers for the lengths of their queues."""

import logging
from collections.abc import Sequence
from time import time
from typing import Final

import pika
from pika.exceptions import AMQPError

from swpt_accounts.broker.connections import connect_blocking
from swpt_accounts.broker.queue_lengths import queue_length
from swpt_accounts.broker.topology import dead_letter_queue
from swpt_accounts.exporter.database_poller import ASK_SECONDS, Answers, Values
from swpt_accounts.exporter.liveness import EXPORTER
from swpt_accounts.observability.heartbeat import awaiting
from swpt_accounts.observability.metrics import definitions as m
from swpt_accounts.settings import Settings
from swpt_accounts.workers.outage_reporter import OutageReporter
from swpt_accounts.workers.shutdown import ShutdownEvent

logger = logging.getLogger(__name__)

SERVER: Final = "the broker"


class BrokerPoller:
    """Keeps the latest lengths of some queues of one broker."""

    name = EXPORTER

    def __init__(self, url: str, queues: Sequence[str], stop: ShutdownEvent) -> None:
        self.queues = tuple(queues)
        self._url = url
        self._stop = stop
        self._faults = OutageReporter(logger, EXPORTER)
        self.answers = Answers()

    def run(self) -> None:
        """Ask until the stop, whatever becomes of the broker."""
        while not self._stop.is_requested():
            try:
                with awaiting(SERVER):
                    connection = connect_blocking(self._url, EXPORTER)
                try:
                    self._ask(connection)
                finally:
                    if connection.is_open:
                        connection.close()
            except AMQPError as error:
                self._stop.wait(self._faults.failed(SERVER, error))

    def _ask(self, connection: pika.BlockingConnection) -> None:
        while not self._stop.is_requested():
            values: Values = {}
            with awaiting(SERVER):
                for queue in self.queues:
                    values |= _read_queue(connection, queue)
            self.answers = Answers(time(), values)
            self._faults.succeeded()
            self._stop.wait(ASK_SECONDS)


def _read_queue(connection: pika.BlockingConnection, queue: str) -> Values:
    """The length of a queue, if there is one, and its consumers. Raises `AMQPError`."""
    _, messages_count, consumers_count, _ = queue_length(connection, queue)
    if messages_count is None or consumers_count is None:
        # there is none, or it cannot be reached now
        return {(m.BROKER_UP, (queue,)): 0.0}
    return {
        (m.BROKER_UP, (queue,)): 1.0,
        (m.BROKER_QUEUE_MESSAGES, (queue,)): messages_count,
        (m.BROKER_QUEUE_CONSUMERS, (queue,)): consumers_count,
    }


def make_pollers(settings: Settings, stop: ShutdownEvent) -> list[BrokerPoller]:
    """One for each broker: usually both are the same."""
    queues: dict[str, list[str]] = {}
    messages = settings.protocol_broker_queue
    for url, names in (
        (settings.protocol_broker_url, [messages, dead_letter_queue(messages)]),
        (settings.chores_broker_url, [settings.chores_broker_queue]),
    ):
        queues.setdefault(url, []).extend(names)
    return [BrokerPoller(url, names, stop) for url, names in queues.items()]
