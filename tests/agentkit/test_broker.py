"""What the broker's connection of tests and tools says of queues."""

import pytest
from pika.exceptions import AMQPError

from agentkit.broker import Broker

NAME = "no_such_queue"


def test_missing_queue_has_no_messages_to_count(broker: Broker) -> None:
    """A load that looks at it while a fault has deleted it cannot know, and looks again."""
    with pytest.raises(AMQPError, match="NOT_FOUND"):
        broker.ready_count(NAME)
    assert not broker.exists(NAME)
    assert broker.consumers_count(NAME) == 0
