"""Batches, acknowledgements, and what goes back to the queue."""

from collections.abc import Callable

import pytest
from pika.exceptions import AMQPError

from agentkit.broker import Broker
from agentkit.management import Management
from agentkit.waiting import wait_until
from swpt_accounts.broker.consumer import BatchConsumer
from tests.broker.conftest import take

Consume = Callable[[int], BatchConsumer]
Fill = Callable[[int], list[bytes]]


def test_batches_keep_the_order_and_the_limit(consume: Consume, fill: Fill) -> None:
    bodies = fill(250)
    consumer = consume(100)
    batches: list[list[bytes]] = []
    while sum(map(len, batches)) < len(bodies):
        if batch := consumer.next_batch():
            consumer.finish(batch, [])
            batches.append([d.body for d in batch])
    assert [body for batch in batches for body in batch] == bodies
    assert max(map(len, batches)) <= 100
    assert len(batches) < len(bodies) / 2, "what has arrived is taken together"


def test_prefetch_count_limits_what_is_not_acknowledged(consume: Consume, fill: Fill) -> None:
    bodies = fill(12)
    consumer = consume(5)
    first = take(consumer, 5)
    assert [d.body for d in first] == bodies[:5]
    assert consumer.next_batch() == []
    consumer.finish(first, [])
    assert [d.body for d in take(consumer, 5)] == bodies[5:10]


def test_second_consumer_gets_what_the_first_has_no_room_for(consume: Consume, fill: Fill) -> None:
    """Both would get small batches otherwise."""
    consumers = consume(3), consume(3)

    def take_all(count: int) -> list[int]:
        taken = [0, 0]

        def have_all() -> bool:
            for i, consumer in enumerate(consumers):
                taken[i] += len(consumer.next_batch(0))
            return sum(taken) == count

        wait_until(have_all)
        return taken

    fill(3)
    first = take_all(3)
    assert sorted(first) == [0, 3]
    fill(2)
    assert take_all(2) == [2 if count == 0 else 0 for count in first]


def test_no_message_gives_an_empty_batch(consume: Consume) -> None:
    assert consume(5).next_batch() == []


def test_one_acknowledgement_finishes_the_batch(
    consume: Consume, fill: Fill, broker: Broker, queue: str
) -> None:
    fill(20)
    consumer = consume(20)
    consumer.finish(take(consumer, 20), [])
    consumer.close()
    wait_until(lambda: broker.consumers_count(queue) == 0)
    assert broker.get(queue) is None


def test_only_what_is_finished_is_gone(
    consume: Consume, fill: Fill, broker: Broker, queue: str
) -> None:
    bodies = fill(10)
    consumer = consume(10)
    taken = take(consumer, 10)
    consumer.finish(taken[:4], [])
    consumer.close()
    wait_until(lambda: broker.ready_count(queue) == 6)
    again = consume(10)
    deliveries = take(again, 6)
    assert [d.body for d in deliveries] == bodies[4:]
    assert all(d.is_redelivered for d in deliveries)


def test_delivery_tells_how_it_came(consume: Consume, broker: Broker) -> None:
    broker.publish("accounts_in", "0.1.0", b"body", type="A", headers={"n": 1})
    consumer = consume(1)
    (delivery,) = take(consumer, 1)
    assert delivery.body == b"body"
    assert delivery.routing_key == "0.1.0"
    assert delivery.properties.type == "A"
    assert delivery.properties.headers == {"n": 1}
    assert not delivery.is_redelivered
    consumer.finish([delivery], [])


def test_messages_that_are_finished_later_hold_up_no_others(
    consume: Consume, fill: Fill, broker: Broker, queue: str
) -> None:
    bodies = fill(10)
    consumer = consume(10)
    taken = take(consumer, 10)
    held = [taken[2], taken[5]]
    consumer.finish([d for d in taken if d not in held], [])
    fill(8)
    others = take(consumer, 8)
    assert len(others) == 8, "there is room for as many as are finished"
    consumer.finish([held[1], *others], [])
    consumer.close()
    wait_until(lambda: broker.ready_count(queue) == 1)
    (again,) = take(consume(10), 1)
    assert (again.body, again.is_redelivered) == (bodies[2], True)


def test_each_message_is_acknowledged_once_in_any_order(
    consume: Consume, fill: Fill, broker: Broker, queue: str
) -> None:
    fill(6)
    consumer = consume(6)
    taken = take(consumer, 6)
    for delivery in reversed(taken):
        consumer.finish([delivery], [])
    fill(6)
    consumer.finish(take(consumer, 6), [])
    consumer.close()
    wait_until(lambda: broker.consumers_count(queue) == 0)
    assert broker.get(queue) is None


def test_pause_gives_back_what_is_held(
    consume: Consume, fill: Fill, broker: Broker, queue: str
) -> None:
    bodies = fill(8)
    consumer = consume(8)
    wait_until(lambda: broker.consumers_count(queue) == 1)

    def holds_all() -> bool:
        consumer.keep_alive()
        return len(consumer._batch) == len(bodies)

    # what is still on its way goes back before what is held
    wait_until(holds_all)
    consumer.pause()
    wait_until(lambda: broker.consumers_count(queue) == 0)
    wait_until(lambda: broker.ready_count(queue) == 8)
    assert consumer.next_batch() == []
    consumer.resume()
    deliveries = take(consumer, 8)
    assert [d.body for d in deliveries] == bodies
    consumer.finish(deliveries, [])


def test_deleted_queue_ends_the_consumer(consume: Consume, broker: Broker, queue: str) -> None:
    consumer = consume(1)
    broker.channel.queue_delete(queue)
    with pytest.raises(AMQPError, match="cancelled the consumer"):
        take(consumer, 1)


def test_lost_connection_raises(
    consume: Consume, fill: Fill, management: Management, vhost: str
) -> None:
    """And the operator sees whose connection it is."""

    def names() -> list[str]:
        connections = management.request("GET", "vhosts", vhost, "connections")
        return [c.get("user_provided_name", "") for c in connections]

    consumer = consume(5)
    fill(5)
    batch = take(consumer, 5)
    wait_until(lambda: "swpt_accounts test" in names())
    management.close_connections(vhost)
    with pytest.raises(AMQPError):
        take(consumer, 1)
    with pytest.raises(AMQPError):
        consumer.finish(batch, [])
    consumer.close()


def test_missing_queue_raises_and_leaves_no_connection_open(
    broker_url: str, management: Management, vhost: str
) -> None:
    wait_until(lambda: management.connections(vhost) == [])
    failures = []
    for _ in range(3):
        with pytest.raises(AMQPError) as failure:
            BatchConsumer(broker_url, "no_such_queue", "test", prefetch_count=1)
        failures.append(failure)
    wait_until(lambda: management.connections(vhost) == [], 10.0, "connections are closed")
