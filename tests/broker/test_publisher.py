"""Confirms, returned messages, and lost connections of the publisher."""

import errno
import gc
import os
import re
import socket
import time
from collections.abc import Callable, Iterator

import pika
import pytest
from pika.exceptions import AMQPError

from agentkit.broker import Broker
from agentkit.management import Management
from agentkit.waiting import wait_until
from swpt_accounts.broker import connections
from swpt_accounts.broker.consumer import BatchConsumer
from swpt_accounts.broker.publisher import WINDOW_COUNT_MAX, Publication, Publisher
from tests.broker.conftest import take


@pytest.fixture
def publisher(broker_url: str) -> Iterator[Publisher]:
    made = Publisher(broker_url, "test")
    yield made
    made.close()


@pytest.fixture
def target(broker: Broker) -> Iterator[str]:
    """A queue that takes everything."""
    broker.declare_queue("target")
    yield "target"
    broker.channel.queue_delete("target")


def publication(routing_key: str, body: bytes, *, mandatory: bool = True) -> Publication:
    properties = pika.BasicProperties(delivery_mode=1)
    return Publication("", routing_key, properties, body, mandatory)


def bodies(broker: Broker, queue: str) -> list[bytes]:
    return [m.body for m in iter(lambda: broker.get(queue), None)]


def test_more_messages_than_the_window(publisher: Publisher, broker: Broker, target: str) -> None:
    count = 2 * WINDOW_COUNT_MAX + 7
    assert publisher.publish(publication(target, b"%d" % i) for i in range(count)) == {}
    assert bodies(broker, target) == [b"%d" % i for i in range(count)]


def test_returns_only_when_all_are_confirmed(
    publisher: Publisher, broker: Broker, target: str
) -> None:
    for i in range(50):
        assert publisher.publish([publication(target, b"%d" % i)]) == {}
        assert broker.get(target) is not None


def test_nothing_to_publish(publisher: Publisher) -> None:
    assert publisher.publish([]) == {}


def test_unroutable_messages_are_told(publisher: Publisher, broker: Broker, target: str) -> None:
    keys = [target, "nowhere", target, "nowhere", "elsewhere", target]
    refused = publisher.publish(publication(k, b"%d" % i) for i, k in enumerate(keys))
    assert set(refused) == {1, 3, 4}
    assert all("NO_ROUTE" in reason for reason in refused.values())
    assert bodies(broker, target) == [b"0", b"2", b"5"]


def test_unroutable_messages_with_identical_bodies(
    publisher: Publisher, broker: Broker, target: str
) -> None:
    keys = ["nowhere", target, "nowhere", target, "elsewhere", "nowhere"]
    refused = publisher.publish(publication(k, b"the same") for k in keys)
    assert set(refused) == {0, 2, 4, 5}
    assert bodies(broker, target) == [b"the same"] * 2


def test_many_unroutable_messages_among_others(publisher: Publisher, target: str) -> None:
    count = WINDOW_COUNT_MAX + 500
    refused = publisher.publish(
        publication("nowhere" if i % 3 == 0 else target, b"%d" % i) for i in range(count)
    )
    assert set(refused) == set(range(0, count, 3))


def test_message_that_is_not_mandatory(publisher: Publisher) -> None:
    assert publisher.publish([publication("nowhere", b"", mandatory=False)]) == {}


def test_refusals_are_forgotten(publisher: Publisher, target: str) -> None:
    assert set(publisher.publish([publication("nowhere", b"")])) == {0}
    assert publisher.publish([publication(target, b"")]) == {}
    assert set(publisher.publish([publication(target, b""), publication("nowhere", b"")])) == {1}


def test_full_queue(publisher: Publisher, broker: Broker, target: str) -> None:
    broker.declare_queue("full", **{"x-max-length": 3, "x-overflow": "reject-publish"})
    keys = ["full", target, "full", "full", target, "full", "full", target]
    refused = publisher.publish(publication(k, b"%d" % i) for i, k in enumerate(keys))
    assert set(refused) == {5, 6}
    assert bodies(broker, "full") == [b"0", b"2", b"3"]
    assert len(bodies(broker, target)) == 3
    assert publisher.publish([publication("full", b"again")]) == {}


def test_full_quorum_queue_loses_nothing(publisher: Publisher, broker: Broker) -> None:
    """It takes some more than its limit; but it takes what it does not refuse."""
    arguments = {"x-queue-type": "quorum", "x-max-length": 5, "x-overflow": "reject-publish"}
    broker.declare_queue("full quorum", **arguments)
    count = 3000
    sent = [b"%d" % i for i in range(count)]
    refused = publisher.publish(publication("full quorum", body) for body in sent)
    taken = set(bodies(broker, "full quorum"))
    assert refused
    assert {i for i in range(count) if sent[i] not in taken} == set(refused)


def test_connection_closed_in_the_middle(
    publisher: Publisher, management: Management, vhost: str, target: str
) -> None:
    wait_until(lambda: management.connections(vhost))

    def publications() -> Iterator[Publication]:
        for i in range(2 * WINDOW_COUNT_MAX):
            if i == WINDOW_COUNT_MAX // 2:
                assert management.close_connections(vhost)
            yield publication(target, b"%d" % i)

    with pytest.raises(AMQPError):
        publisher.publish(publications())
    with pytest.raises(AMQPError):
        publisher.publish([publication(target, b"")])
    with pytest.raises(AMQPError):
        publisher.keep_alive()
    publisher.close()


def test_missing_exchange(publisher: Publisher, target: str) -> None:
    wrong = Publication("no such exchange", "", pika.BasicProperties(), b"")
    with pytest.raises(AMQPError):
        publisher.publish([publication(target, b""), wrong])
    with pytest.raises(AMQPError):
        publisher.publish([publication(target, b"")])


@pytest.mark.parametrize(
    "change",
    [
        ("guest:guest", "guest:wrong"),
        ("/test_", "/missing_"),
        (r".*", "amqp://guest:guest@127.0.0.1:1"),
    ],
    ids=["password", "virtual host", "port"],
)
def test_cannot_connect(broker_url: str, change: tuple[str, str]) -> None:
    url = re.sub(*change, broker_url, count=1)
    assert url != broker_url
    started_at = time.monotonic()
    with pytest.raises(AMQPError):
        Publisher(url, "test")
    assert time.monotonic() - started_at < 14


def open_files_count() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("is_broker_up", [True, False])
def test_connecting_again_and_again_holds_nothing_open(broker_url: str, is_broker_up: bool) -> None:
    def connect() -> None:
        if is_broker_up:
            Publisher(broker_url, "test").close()
        else:
            with pytest.raises(AMQPError):
                Publisher("amqp://guest:guest@127.0.0.1:1", "test")

    connect()
    gc.collect()
    # Nobody promises a worker that its garbage is collected soon.
    gc.disable()
    try:
        before = open_files_count()
        for _ in range(5):
            connect()
        assert open_files_count() <= before
    finally:
        gc.enable()
        gc.collect()


def test_heartbeats_are_answered_by_keep_alive(
    broker_url: str, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker closes a connection that is silent for two heartbeats."""
    monkeypatch.setattr(connections, "HEARTBEAT_SECONDS", 1)
    kept, forgotten = Publisher(broker_url, "kept"), Publisher(broker_url, "forgotten")
    consumer = BatchConsumer(broker_url, target, "kept", prefetch_count=1)
    end = time.monotonic() + 4 * connections.HEARTBEAT_SECONDS

    def is_over() -> bool:
        kept.keep_alive()
        consumer.keep_alive()
        return time.monotonic() > end

    wait_until(is_over)
    assert kept.publish([publication(target, b"")]) == {}
    (delivery,) = take(consumer, 1)
    consumer.finish([delivery], [])
    with pytest.raises(AMQPError):
        forgotten.publish([publication(target, b"")])
    for one in (kept, forgotten, consumer):
        one.close()


def test_closing_twice(broker_url: str, management: Management, vhost: str) -> None:
    publisher = Publisher(broker_url, "test")
    publisher.close()
    publisher.close()
    wait_until(lambda: management.connections(vhost) == [])


@pytest.mark.parametrize("connect", [Publisher, connections.connect_blocking])
def test_connection_that_is_reset_in_the_moment_in_which_it_is_made_is_lost(
    connect: Callable[[str, str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """pika looks at the name of the peer, which is gone, and raises a ValueError."""

    def fail(_socket: socket.socket) -> object:
        raise OSError(errno.ENOTCONN, "not connected")

    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"amqp://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setattr(socket.socket, "getpeername", fail)
        with pytest.raises(AMQPError):
            connect(url, "test")
