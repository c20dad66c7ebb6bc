"""What the tests of the broker share."""

import re
from collections.abc import Callable, Iterator

import pytest

from agentkit.broker import Broker
from agentkit.waiting import SECONDS_MAX, wait_until
from swpt_accounts.broker import topology
from swpt_accounts.broker.consumer import BatchConsumer, Delivery


@pytest.fixture
def queue(broker_url: str, request: pytest.FixtureRequest) -> str:
    """A queue of incoming messages, with its dead-letter queue, of this test's own."""
    name = re.sub(r"\W+", "_", request.node.name)
    topology.subscribe(broker_url, name, "#")
    return name


@pytest.fixture
def consume(broker_url: str, queue: str) -> Iterator[Callable[[int], BatchConsumer]]:
    """Makes consumers of the queue, with a prefetch count."""
    made: list[BatchConsumer] = []

    def make(prefetch_count: int) -> BatchConsumer:
        made.append(BatchConsumer(broker_url, queue, "test", prefetch_count=prefetch_count))
        return made[-1]

    yield make
    for consumer in made:
        consumer.close()


@pytest.fixture
def fill(broker: Broker, queue: str) -> Callable[[int], list[bytes]]:
    """Puts so many messages into the queue. Returns their bodies."""

    def publish(count: int) -> list[bytes]:
        bodies = [b"message %d" % i for i in range(count)]
        for body in bodies:
            broker.publish("", queue, body)
        return bodies

    return publish


def take(consumer: BatchConsumer, count: int, seconds_max: float = SECONDS_MAX) -> list[Delivery]:
    """Batches, joined, until there are at least so many messages. Nothing is acknowledged."""
    taken: list[Delivery] = []

    def has_enough() -> bool:
        taken.extend(consumer.next_batch())
        return len(taken) >= count

    wait_until(has_enough, seconds_max, f"{count} messages")
    return taken
