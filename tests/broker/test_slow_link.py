"""Publishing over a slow link, and to a broker that takes nothing for a while."""

from collections.abc import Iterator

import pika
import pytest
from pika import spec
from pika.exceptions import AMQPError
from pika.frame import Method

from agentkit.broker import Broker
from agentkit.fault_proxy import FaultProxy
from agentkit.waiting import wait_until
from swpt_accounts.broker import publisher as publishing
from swpt_accounts.broker.publisher import Publication, Publisher

QUEUE = "far away"
COUNT = 300
BYTES_PER_SECOND = 16 * 1024
BUFFER_BYTES = 4096
BLOCKED = Method(0, spec.Connection.Blocked("low on memory")).marshal()
UNBLOCKED = Method(0, spec.Connection.Unblocked()).marshal()


@pytest.fixture(autouse=True)
def _queue(broker: Broker) -> Iterator[None]:
    broker.declare_queue(QUEUE)
    yield
    broker.channel.queue_delete(QUEUE)


@pytest.fixture
def link(broker_url: str) -> Iterator[FaultProxy]:
    made = FaultProxy(broker_url, buffer_bytes=BUFFER_BYTES)
    yield made
    made.close()


@pytest.fixture
def publisher(link: FaultProxy) -> Iterator[Publisher]:
    made = Publisher(link.url, "test")
    yield made
    link.bytes_per_second = None
    made.close()


def publications(count: int = COUNT) -> Iterator[Publication]:
    for i in range(count):
        yield Publication("", QUEUE, pika.BasicProperties(), b"%d" % i + bytes(100))


def numbers(broker: Broker) -> list[int]:
    return [int(m.body.rstrip(b"\0")) for m in iter(lambda: broker.get(QUEUE), None)]


def test_slow_link_is_no_silence(
    publisher: Publisher, link: FaultProxy, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it takes several times as long as a broker may be silent."""
    monkeypatch.setattr(publishing, "CONFIRM_SECONDS_MAX", 1.0)
    link.bytes_per_second = BYTES_PER_SECOND
    assert publisher.publish(publications()) == {}
    assert numbers(broker) == list(range(COUNT))


def test_silence_has_an_end(
    publisher: Publisher, link: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "CONFIRM_SECONDS_MAX", 1.0)
    link.hold()
    with pytest.raises(AMQPError, match="does not confirm"):
        publisher.publish(publications())


def test_blocked_connection_neither_loses_nor_doubles(
    publisher: Publisher, link: FaultProxy, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker says that it is blocked, and reads nothing until it is not."""
    monkeypatch.setattr(publishing, "CONFIRM_SECONDS_MAX", 1.0)
    link.hold()
    link.say(BLOCKED)
    states: list[bool] = []

    def watch() -> None:
        states.append(publisher.is_blocked)
        if len(states) == 3:
            link.say(UNBLOCKED)
            link.let_go()

    assert publisher.publish(publications(), watch) == {}
    assert states[1:3] == [True, True]
    assert numbers(broker) == list(range(COUNT))


def test_blocked_for_too_long(
    publisher: Publisher, link: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "BLOCKED_SECONDS_MAX", 1.0)
    link.hold()
    link.say(BLOCKED)
    with pytest.raises(AMQPError, match="does not confirm"):
        publisher.publish(publications())


def test_probe_finds_out_whether_the_broker_is_blocked(
    publisher: Publisher, link: FaultProxy, broker: Broker
) -> None:
    publisher.probe()
    assert not publisher.is_blocked
    link.hold()
    link.say(BLOCKED)
    publisher.probe()
    assert [publisher.is_blocked] == [True]
    link.say(UNBLOCKED)
    link.let_go()

    def is_free() -> bool:
        publisher.keep_alive()
        return not publisher.is_blocked

    wait_until(is_free)
    assert publisher.publish(publications(5)) == {}
    assert numbers(broker) == list(range(5))


def test_what_is_raised_while_waiting_ends_it(publisher: Publisher, link: FaultProxy) -> None:
    link.hold()

    def watch() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        publisher.publish(publications(1), watch)
