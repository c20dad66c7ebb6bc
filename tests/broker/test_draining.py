"""Draining mode: pauses, in which an empty queue can be deleted."""

import json
from collections.abc import Callable, Iterator
from threading import Thread

import pytest

from agentkit.broker import Broker
from agentkit.messages import configure
from agentkit.waiting import wait_until
from swpt_accounts.broker import topology
from swpt_accounts.inbox import drain
from swpt_accounts.inbox.worker import InboxWorker
from swpt_accounts.settings import load_settings
from swpt_accounts.workers.shutdown import ShutdownEvent

StartWorker = Callable[[], Thread]


@pytest.fixture
def shutdown() -> ShutdownEvent:
    return ShutdownEvent()


@pytest.fixture
def start_worker(
    broker_url: str, database_url: str, queue: str, shutdown: ShutdownEvent
) -> Iterator[StartWorker]:
    """Starts threads that consume the queue in draining mode."""
    settings = load_settings(
        {
            "SQLALCHEMY_DATABASE_URI": database_url,
            "PROTOCOL_BROKER_URL": broker_url,
            "PROTOCOL_BROKER_QUEUE": queue,
        }
    )
    threads: list[Thread] = []

    def start() -> Thread:
        worker = InboxWorker(settings, shutdown, is_draining=True)
        threads.append(Thread(target=worker.run))
        threads[-1].start()
        return threads[-1]

    yield start
    shutdown.request()
    for thread in threads:
        thread.join(10)


def publish(broker: Broker, queue: str, creditor_id: int) -> None:
    broker.publish(
        "",
        queue,
        json.dumps(configure(1, creditor_id)).encode(),
        content_type="application/json",
        type="ConfigureAccount",
    )


def test_queue_can_be_deleted_in_a_pause(
    start_worker: StartWorker, shutdown: ShutdownEvent, broker: Broker, broker_url: str, queue: str
) -> None:
    for creditor_id in range(1, 30):
        publish(broker, queue, creditor_id)
    thread = start_worker()
    wait_until(lambda: broker.consumers_count(queue) == 1)
    wait_until(lambda: broker.consumers_count(queue) == 0)
    assert thread.is_alive()
    assert broker.get(queue) is None, "no pause before the queue is empty"
    assert topology.delete_queue(broker_url, queue, shutdown)
    assert not broker.exists(queue)


def test_pause_ends_with_the_stop(
    start_worker: StartWorker, shutdown: ShutdownEvent, broker: Broker, queue: str
) -> None:
    thread = start_worker()
    wait_until(lambda: broker.consumers_count(queue) == 1)
    wait_until(lambda: broker.consumers_count(queue) == 0)
    shutdown.request()
    thread.join(3)
    assert not thread.is_alive()


def test_consumes_again_after_the_pause(
    start_worker: StartWorker, broker: Broker, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain, "PAUSE_SECONDS_MIN", 1)
    monkeypatch.setattr(drain, "EMPTY_SECONDS", 0.1)
    start_worker()
    wait_until(lambda: broker.consumers_count(queue) == 1)
    wait_until(lambda: broker.consumers_count(queue) == 0)
    publish(broker, queue, 77)
    wait_until(lambda: broker.consumers_count(queue) == 1)
    wait_until(lambda: broker.ready_count(queue) == 0)


def test_pauses_of_two_consumers_fall_together(
    start_worker: StartWorker,
    shutdown: ShutdownEvent,
    broker: Broker,
    broker_url: str,
    queue: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(drain, "PAUSE_SECONDS_MIN", 2)
    start_worker()
    wait_until(lambda: broker.consumers_count(queue) == 1)
    wait_until(lambda: broker.consumers_count(queue) == 0)
    start_worker()
    wait_until(lambda: broker.consumers_count(queue) > 0)
    deleted: list[bool] = []
    thread = Thread(
        target=lambda: deleted.append(topology.delete_queue(broker_url, queue, shutdown))
    )
    thread.start()
    thread.join(60)
    assert deleted == [True]


def test_without_draining_mode_there_are_no_pauses(
    broker_url: str,
    database_url: str,
    broker: Broker,
    queue: str,
    shutdown: ShutdownEvent,
) -> None:
    settings = load_settings(
        {
            "SQLALCHEMY_DATABASE_URI": database_url,
            "PROTOCOL_BROKER_URL": broker_url,
            "PROTOCOL_BROKER_QUEUE": queue,
        }
    )
    thread = Thread(target=InboxWorker(settings, shutdown).run)
    thread.start()
    try:
        publish(broker, queue, 78)
        wait_until(lambda: broker.consumers_count(queue) == 1)
        wait_until(lambda: broker.ready_count(queue) == 0)
        thread.join(drain.EMPTY_SECONDS + 1)
        assert thread.is_alive()
        assert broker.consumers_count(queue) == 1
    finally:
        shutdown.request()
        thread.join(10)
