"""Refused messages are safe in the dead-letter queue before they are acknowledged."""

import logging
import struct
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from threading import Thread
from typing import Any

import pika
import pytest
from pika.exceptions import AMQPError

from agentkit.broker import Broker, connect
from agentkit.management import Management
from agentkit.waiting import wait_until
from swpt_accounts.broker.consumer import BatchConsumer, Refusal
from swpt_accounts.broker.dead_letters import MOMENT_HEADER, REASON_HEADER
from swpt_accounts.broker.topology import dead_letter_queue
from swpt_accounts.workers.shutdown import ShutdownEvent
from tests.broker.conftest import take

Consume = Callable[[int], BatchConsumer]
ADDED_HEADERS = {REASON_HEADER: "it is bad", "x-rejected-routing-key": "1.0"}


class RawProperties(pika.BasicProperties):  # type: ignore[misc]
    """Properties as any client may send them: only a headers table, as it is on the wire."""

    def __init__(self, table: bytes) -> None:
        super().__init__()
        self._table = table

    def encode(self) -> list[bytes]:
        return [struct.pack(">HI", self.FLAG_HEADERS, len(self._table)), self._table]


def refuse_all(consumer: BatchConsumer, count: int, reason: str = "it is bad") -> None:
    batch = take(consumer, count)
    consumer.finish(batch, [Refusal(d, reason) for d in batch])


def test_body_and_properties_are_kept(consume: Consume, broker: Broker, queue: str) -> None:
    sent: dict[str, Any] = {
        "content_type": "application/json",
        "content_encoding": "utf-8",
        "headers": {
            "coordinator-type": "direct",
            "debtor-id": -(2**63),
            "creditor-id": 5,
            "is-true": True,
            "text": "Ünïcode ✓",
        },
        "delivery_mode": 2,
        "correlation_id": "c",
        "reply_to": "r",
        "message_id": "m",
        "timestamp": 1700000000,
        "type": "PrepareTransfer",
        "app_id": "an agent",
    }
    body = bytes(range(256))
    broker.publish("accounts_in", "1.0", body, **sent)
    consumer = consume(1)
    refuse_all(consumer, 1)
    (message,) = broker.read_stream(dead_letter_queue(queue), 1)
    assert message.body == body
    received = {name: getattr(message.properties, name) for name in sent}
    offset = received["headers"].pop("x-stream-offset", 0)
    assert offset == 0
    rejected_at = datetime.fromisoformat(received["headers"].pop(MOMENT_HEADER))
    assert abs((datetime.now(UTC) - rejected_at).total_seconds()) < 300
    assert received == {**sent, "headers": {**sent["headers"], **ADDED_HEADERS}}


def test_message_without_properties(consume: Consume, broker: Broker, queue: str) -> None:
    broker.channel.basic_publish("", queue, b"", mandatory=True)
    consumer = consume(1)
    refuse_all(consumer, 1)
    (message,) = broker.read_stream(dead_letter_queue(queue), 1)
    assert message.body == b""
    assert message.properties.headers[REASON_HEADER] == "it is bad"
    assert message.properties.headers["x-rejected-routing-key"] == queue
    assert message.properties.type is None


def test_only_the_refused_go_there(
    consume: Consume, broker: Broker, queue: str, caplog: pytest.LogCaptureFixture
) -> None:
    for i in range(6):
        broker.publish("", queue, b"%d" % i)
    consumer = consume(6)
    batch = take(consumer, 6)
    with caplog.at_level(logging.ERROR):
        consumer.finish(batch, [Refusal(batch[i], f"reason {i}") for i in (1, 4)])
    dead = broker.read_stream(dead_letter_queue(queue), 2)
    assert [m.body for m in dead] == [b"1", b"4"]
    assert [m.properties.headers[REASON_HEADER] for m in dead] == ["reason 1", "reason 4"]
    errors = [r.getMessage() for r in caplog.records if r.name.startswith("swpt_accounts")]
    assert len(errors) == 2
    assert "reason 1" in errors[0]
    assert dead_letter_queue(queue) in errors[0]
    consumer.close()
    wait_until(lambda: broker.consumers_count(queue) == 0)
    assert broker.get(queue) is None


@pytest.fixture
def full_dead_letter_queue(broker: Broker, queue: str) -> str:
    """A full queue in the place of the stream, which answers with a negative confirm."""
    name = dead_letter_queue(queue)
    broker.channel.queue_delete(name)
    broker.declare_queue(name, **{"x-max-length": 1, "x-overflow": "reject-publish"})
    broker.publish("", name, b"it is full")
    return name


def test_a_letter_that_is_not_taken_waits_and_others_do_not(
    broker_url: str,
    broker: Broker,
    queue: str,
    full_dead_letter_queue: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A consumer that gave its messages back would get them again at once, and for ever."""
    for i in range(4):
        broker.publish("", queue, b"%d" % i)
    shutdown = ShutdownEvent()
    consumer = BatchConsumer(broker_url, queue, "test", prefetch_count=4, shutdown=shutdown)
    batch = take(consumer, 4)
    thread = Thread(target=lambda: consumer.finish(batch, [Refusal(batch[1], "it is bad")]))
    with caplog.at_level(logging.WARNING):
        thread.start()
        wait_until(lambda: any("cannot publish to dead-letter queue" in m for m in caplog.messages))
        broker.channel.queue_delete(full_dead_letter_queue)
        thread.join(20)
    assert not thread.is_alive()
    assert sum("cannot publish to dead-letter queue" in m for m in caplog.messages) == 1
    consumer.close()
    (letter,) = broker.read_stream(full_dead_letter_queue, 1)
    assert letter.body == b"1"
    wait_until(lambda: broker.consumers_count(queue) == 0)
    assert broker.get(queue) is None


def test_the_stop_ends_the_wait_for_the_dead_letter_queue(
    broker_url: str, broker: Broker, queue: str, full_dead_letter_queue: str
) -> None:
    for i in range(4):
        broker.publish("", queue, b"%d" % i)
    shutdown = ShutdownEvent()
    consumer = BatchConsumer(broker_url, queue, "test", prefetch_count=4, shutdown=shutdown)
    batch = take(consumer, 4)
    shutdown.request()
    with pytest.raises(AMQPError):
        consumer.finish(batch, [Refusal(batch[1], "it is bad")])
    consumer.close()
    wait_until(lambda: broker.ready_count(queue) == 1)
    message = broker.get(queue)
    assert message is not None
    assert message.body == b"1", "the others are acknowledged: their effects are committed"


def test_nothing_is_acknowledged_before_the_dead_letter_is_safe(
    consume: Consume, broker: Broker, queue: str, full_dead_letter_queue: str
) -> None:
    name = full_dead_letter_queue
    for i in range(3):
        broker.publish("", queue, b"%d" % i)
    consumer = consume(3)
    with pytest.raises(AMQPError):
        refuse_all(consumer, 3)
    consumer.close()
    wait_until(lambda: broker.ready_count(queue) == 3)

    broker.channel.queue_purge(name)
    broker.channel.queue_delete(name)
    refuse_all(consume(3), 3)
    assert [m.body for m in broker.read_stream(name, 3)] == [b"0", b"1", b"2"]


def test_missing_dead_letter_queue_is_declared_again(
    consume: Consume, broker: Broker, queue: str, management: Management, vhost: str
) -> None:
    name = dead_letter_queue(queue)
    consumer = consume(2)
    broker.channel.queue_delete(name)
    broker.publish("", queue, b"one")
    refuse_all(consumer, 1)
    broker.publish("", queue, b"two")
    refuse_all(consumer, 1)
    assert [m.body for m in broker.read_stream(name, 2)] == [b"one", b"two"]
    declared = management.queue(vhost, name)
    assert declared["durable"]
    assert declared["arguments"] == {"x-queue-type": "stream"}


@pytest.fixture
def other_user(management: Management, vhost: str, broker_url: str) -> Iterator[str]:
    """The URL of the broker for another user, say that of a STOMP server."""
    name = f"user_{vhost}"
    management.request("PUT", "users", name, body={"password": "secret", "tags": ""})
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    management.request("PUT", "permissions", vhost, name, body=everything)
    yield broker_url.replace("//guest:guest@", f"//{name}:secret@")
    management.request("DELETE", "users", name)


def test_message_with_the_id_of_another_user(
    consume: Consume, broker: Broker, queue: str, other_user: str
) -> None:
    """The broker takes a `user_id` only from the user who has it."""
    connection = connect(other_user)
    user = pika.URLParameters(other_user).credentials.username
    properties = pika.BasicProperties(type="PrepareTransfer", user_id=user)
    connection.channel().basic_publish("", queue, b"body", properties)
    connection.close()
    consumer = consume(1)
    refuse_all(consumer, 1)
    (message,) = broker.read_stream(dead_letter_queue(queue), 1)
    assert message.body == b"body"
    assert message.properties.user_id is None
    assert message.properties.headers["x-rejected-user-id"] == user


def test_message_with_the_id_of_the_own_user(
    consume: Consume, broker: Broker, queue: str, broker_url: str
) -> None:
    user = pika.URLParameters(broker_url).credentials.username
    broker.publish("", queue, b"body", type="PrepareTransfer", user_id=user)
    consumer = consume(1)
    refuse_all(consumer, 1)
    (message,) = broker.read_stream(dead_letter_queue(queue), 1)
    assert message.properties.user_id == user


@pytest.mark.parametrize("is_list", [True, False])
def test_message_that_asks_for_copies(
    consume: Consume, broker: Broker, queue: str, is_list: bool
) -> None:
    """The broker sends a message with a `CC` header to each of the routing keys in it."""
    headers = {"CC": [queue] if is_list else []}
    broker.publish("", queue, b"body", headers=headers)
    consumer = consume(1)
    refuse_all(consumer, 1)
    (message,) = broker.read_stream(dead_letter_queue(queue), 1)
    assert message.body == b"body"
    assert consumer.next_batch() == []


@pytest.mark.parametrize(
    "name", ["type", "content_type", "app_id", "message_id", "correlation_id", "reply_to"]
)
def test_property_that_is_no_utf8(consume: Consume, broker: Broker, queue: str, name: str) -> None:
    """Nothing stops a client from sending such bytes: it must not stop the consumer either."""
    broken: dict[str, Any] = {name: b"\xff\xfe"}
    broker.publish("", queue, b"body", **broken)
    broker.publish("", queue, b"next")
    consumer = consume(2)
    refuse_all(consumer, 2)
    bodies = [m.body for m in broker.read_stream(dead_letter_queue(queue), 2)]
    assert bodies == [b"body", b"next"]


@pytest.mark.parametrize(
    "table",
    [
        b"\x02\xff\xfet\x01",
        b"\x01aD\xff" + b"\x7f\xff\xff\xff",
        b"\x01aF" + struct.pack(">I", 4) + b"\x01bt\x01",
        b"\x01aA" + struct.pack(">I", 2) + b"t\x01",
        b"\x01ad" + struct.pack(">d", 1e300),
        b"\x01af" + struct.pack(">f", 1.5),
        b"\x01al" + struct.pack(">q", -(2**63)),
        b"\x01as" + struct.pack(">h", -2),
        b"\x01aB\xff",
        b"\x01ab\xff",
        b"\x01ax" + struct.pack(">I", 2) + b"\xff\xfe",
        b"\x01aS" + struct.pack(">I", 2) + b"\xff\xfe",
        b"\x01aV",
    ],
    ids=lambda table: table.hex(),
)
def test_header_that_is_hard_to_keep(
    consume: Consume, broker: Broker, queue: str, table: bytes
) -> None:
    broker.channel.basic_publish("", queue, b"body", RawProperties(table), mandatory=True)
    consumer = consume(1)
    refuse_all(consumer, 1)
    (message,) = broker.read_stream(dead_letter_queue(queue), 1)
    assert message.body == b"body"


def test_header_that_is_hard_to_read(consume: Consume, broker: Broker, queue: str) -> None:
    """The client library knows no such moment, and gives the connection up."""
    far_future = RawProperties(b"\x01aT" + struct.pack(">Q", 2**60))
    broker.channel.basic_publish("", queue, b"body", far_future, mandatory=True)
    consumer = consume(1)
    refuse_all(consumer, 1)
    wait_until(lambda: broker.ready_count(dead_letter_queue(queue)) == 1)


def test_headers_that_fill_a_frame(consume: Consume, broker: Broker, queue: str) -> None:
    """Headers are sent in one frame: there may be no room for others."""
    broker.publish("", queue, b"body", headers={"a": "a" * 131_000})
    consumer = consume(1)
    refuse_all(consumer, 1)
    (message,) = broker.read_stream(dead_letter_queue(queue), 1)
    assert message.body == b"body"
