"""What the broker's connection of tests and tools says of queues, how it ends, and its users."""

import os
import sys

import pytest
from pika.exceptions import AMQPError

from agentkit.broker import Broker, connect
from agentkit.management import Management, Users
from agentkit.processes import run

NAME = "no_such_queue"


def test_missing_queue_has_no_messages_to_count(broker: Broker) -> None:
    """A load that looks at it while a fault has deleted it cannot know, and looks again."""
    with pytest.raises(AMQPError, match="NOT_FOUND"):
        broker.ready_count(NAME)
    assert not broker.exists(NAME)
    assert broker.consumers_count(NAME) == 0


INTERRUPTED = """
import os, random, signal, sys
from contextlib import closing
from threading import Timer
from agentkit.broker import Broker
for _ in range(30):
    timer = Timer(random.uniform(0.0, 0.01), os.kill, [os.getpid(), signal.SIGINT])
    try:
        with closing(Broker(sys.argv[1])) as broker:
            broker.publish("amq.fanout", "", mandatory=False)
            timer.start()
            while True:
                broker.publish("amq.fanout", "", mandatory=False)
    except KeyboardInterrupt:
        print("interrupted")
"""


def test_interrupt_in_the_middle_of_a_message_ends_the_program(broker_url: str) -> None:
    """A connection with half a frame on it would be closed with an error, or never."""
    done = run([sys.executable, "-c", INTERRUPTED, broker_url], dict(os.environ), 60)
    assert done.stdout == "interrupted\n" * 30
    assert done.returncode == 0


def test_users_of_others_in_this_process_stay(management: Management, broker_url: str) -> None:
    mine, others = Users(management), Users(management)
    try:
        url, _ = (users.url_as("swpt_accounts_worker", broker_url) for users in (mine, others))
        others.delete_all()
        connect(url).close()
    finally:
        mine.delete_all()
