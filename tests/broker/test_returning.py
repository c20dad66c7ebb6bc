"""Messages that come back to their queue again and again are not taken out of it."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agentkit.broker import Broker
from agentkit.management import Management
from agentkit.waiting import wait_until
from swpt_accounts.broker.consumer import BatchConsumer, Delivery, Refusal
from swpt_accounts.broker.delivery_limit import DEFAULT_LIMIT
from swpt_accounts.broker.redelivery_reset import COPY_HEADER, RETURNS_COUNT_MAX
from swpt_accounts.broker.topology import dead_letter_queue
from tests.broker.conftest import take

COUNT = 12
HEADERS = {"coordinator-type": "direct", "debtor-id": -(2**63)}


SetPolicy = Callable[..., None]


@pytest.fixture
def set_policy(management: Management, vhost: str, queue: str) -> Iterator[SetPolicy]:
    """Sets the policy of this test's queue, until its end."""

    def put(**definition: object) -> None:
        policy = {"pattern": f"^{queue}$", "definition": definition, "apply-to": "queues"}
        management.request("PUT", "policies", vhost, queue, body=policy)
        wait_until(lambda: (management.queue(vhost, queue) or {}).get("policy") == queue)

    yield put
    management.request("DELETE", "policies", vhost, queue)


def come_back(broker_url: str, broker: Broker, queue: str, times: int) -> list[Delivery]:
    """Let consumers take all messages, and end. Returns what the last one has seen."""
    for _ in range(times):
        consumer = BatchConsumer(broker_url, queue, "test", prefetch_count=COUNT)
        try:
            seen = take(consumer, COUNT)
        finally:
            consumer.close()
        wait_until(lambda: broker.ready_count(queue) == COUNT)
    return seen


def test_no_message_is_lost_however_often_it_comes_back(
    broker_url: str,
    broker: Broker,
    queue: str,
    set_policy: SetPolicy,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # RabbitMQ 4 has this limit without a policy.
    set_policy(**{"delivery-limit": DEFAULT_LIMIT})
    bodies = {b"message %d" % i for i in range(COUNT)}
    for body in bodies:
        broker.publish(
            "accounts_in", "0.1", body, type="PrepareTransfer", headers=HEADERS, user_id="guest"
        )
    with caplog.at_level(logging.WARNING):
        seen = come_back(broker_url, broker, queue, DEFAULT_LIMIT + 5)
    assert {d.body for d in seen} == bodies
    for delivery in seen:
        assert delivery.is_redelivered
        assert delivery.is_copy
        assert delivery.routing_key == "0.1"
        assert delivery.properties.type == "PrepareTransfer"
        assert delivery.properties.delivery_mode == 2
        headers = dict(delivery.properties.headers)
        assert headers.pop("x-delivery-count", 0) < RETURNS_COUNT_MAX
        assert headers == HEADERS
    told = [m for m in caplog.messages if "by copies" in m]
    assert len(told) <= 2 * COUNT
    assert broker.ready_count(dead_letter_queue(queue)) == 0


def test_a_copy_that_is_refused_becomes_the_dead_letter_of_the_first_message(
    broker_url: str, broker: Broker, queue: str
) -> None:
    for i in range(COUNT):
        broker.publish("accounts_in", "0.1", b"%d" % i, headers=HEADERS)
    come_back(broker_url, broker, queue, RETURNS_COUNT_MAX + 1)
    consumer = BatchConsumer(broker_url, queue, "test", prefetch_count=COUNT)
    batch = take(consumer, COUNT)
    consumer.finish(batch, [Refusal(d, "it is bad") for d in batch])
    consumer.close()
    for letter in broker.read_stream(dead_letter_queue(queue), COUNT):
        headers: dict[str, Any] = letter.properties.headers
        assert headers["x-rejected-routing-key"] == "0.1"
        assert headers["debtor-id"] == HEADERS["debtor-id"]
        assert COPY_HEADER not in headers


@pytest.fixture
def reader_url(management: Management, vhost: str, broker_url: str) -> Iterator[str]:
    """The URL of the broker for a user who may not publish."""
    name = f"reader_{vhost}"
    management.request("PUT", "users", name, body={"password": "secret", "tags": ""})
    permissions = {"configure": "^$", "write": "^$", "read": ".*"}
    management.request("PUT", "permissions", vhost, name, body=permissions)
    yield broker_url.replace("//guest:guest@", f"//{name}:secret@")
    management.request("DELETE", "users", name)


def test_messages_of_which_no_copies_can_be_made_are_handled_all_the_same(
    broker_url: str,
    broker: Broker,
    queue: str,
    reader_url: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for i in range(COUNT):
        broker.publish("", queue, b"%d" % i)
    come_back(broker_url, broker, queue, RETURNS_COUNT_MAX)
    consumer = BatchConsumer(reader_url, queue, "test", prefetch_count=COUNT)
    with caplog.at_level(logging.WARNING):
        batch = take(consumer, COUNT)
    assert len([m for m in caplog.messages if "cannot publish copies" in m]) == 1
    assert "replaced" not in caplog.text
    consumer.finish(batch, [])
    consumer.close()
    wait_until(lambda: broker.consumers_count(queue) == 0)
    assert broker.get(queue) is None


def test_the_mark_of_a_copy_is_only_a_mark(
    broker: Broker, queue: str, consume: Callable[[int], BatchConsumer]
) -> None:
    """Whoever sends one has the message looked up, as if it came again."""
    broker.publish("accounts_in", "0.1", b"a", headers={COPY_HEADER: 7, "x-delivery-count": 99})
    consumer = consume(1)
    (delivery,) = take(consumer, 1)
    assert (delivery.routing_key, delivery.is_redelivered) == ("0.1", True)
    consumer.finish([delivery], [])
