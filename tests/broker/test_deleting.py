"""`delete_queue`: waits until the queue is empty and unused."""

import subprocess
from collections.abc import Callable, Iterator
from threading import Thread

import pytest

from agentkit.broker import Broker
from swpt_accounts.broker import topology
from swpt_accounts.broker.consumer import BatchConsumer
from swpt_accounts.workers.shutdown import ShutdownEvent
from tests.broker.conftest import take
from tests.support.commands import run_command, settings_for, start_command

Consume = Callable[[int], BatchConsumer]


@pytest.fixture
def deleting(broker_url: str, queue: str) -> Iterator[subprocess.Popen[str]]:
    """The command, at work."""
    process = start_command(settings_for(broker_url, queue), "delete_queue")
    yield process
    process.kill()
    process.communicate()


def wait_for_line(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return
    raise AssertionError(f"the command has ended without {text!r}")


def test_empty_queue_is_deleted_at_once(broker_url: str, queue: str, broker: Broker) -> None:
    code, lines = run_command(settings_for(broker_url, queue), "delete_queue")
    assert code == 0, lines
    assert not broker.exists(queue)
    assert broker.exists(topology.dead_letter_queue(queue))


def test_missing_queue_is_no_error(broker_url: str) -> None:
    assert topology.delete_queue(broker_url, "no_such_queue", ShutdownEvent())


def test_waits_until_it_is_empty_and_unused(
    deleting: subprocess.Popen[str], consume: Consume, broker: Broker, queue: str
) -> None:
    # Before the command has started: it takes longer to start than this.
    broker.publish("", queue, b"body")
    wait_for_line(deleting, "waiting")
    consumer = consume(1)
    (delivery,) = take(consumer, 1)
    wait_for_line(deleting, "waiting")
    assert broker.exists(queue), "a message is not acknowledged yet"
    consumer.finish([delivery], [])
    wait_for_line(deleting, "waiting")
    assert broker.exists(queue), "there is a consumer"
    consumer.close()
    assert deleting.wait(30) == 0
    assert not broker.exists(queue)


def test_message_that_a_consumer_holds_keeps_the_queue(
    broker_url: str, consume: Consume, broker: Broker, queue: str
) -> None:
    """A consumer that pauses has cancelled itself, and still holds a message."""
    broker.publish("", queue, b"body")
    consumer = consume(1)
    (delivery,) = take(consumer, 1)
    consumer.pause()
    shutdown = ShutdownEvent()
    results: list[bool] = []
    thread = Thread(
        target=lambda: results.append(topology.delete_queue(broker_url, queue, shutdown))
    )
    thread.start()
    thread.join(2.0)
    try:
        assert broker.exists(queue)
        consumer.finish([delivery], [])
        thread.join(15.0)
        assert results == [True]
    finally:
        shutdown.request()
        thread.join()
    assert not broker.exists(queue)


def test_stops_when_told(deleting: subprocess.Popen[str], broker: Broker, queue: str) -> None:
    broker.publish("", queue, b"body")
    wait_for_line(deleting, "waiting")
    deleting.terminate()
    assert deleting.wait(5) == 1
    assert broker.exists(queue)
