"""Many refused messages go to the dead-letter queue together; those that do not, one by one."""

from collections.abc import Callable

import pytest
from pika.exceptions import AMQPConnectionError, AMQPError

from agentkit.broker import Broker
from agentkit.waiting import wait_until
from swpt_accounts.broker import dead_letters
from swpt_accounts.broker.consumer import TOGETHER_COUNT_MIN, BatchConsumer, Refusal
from swpt_accounts.broker.dead_letters import REASON_HEADER
from swpt_accounts.broker.publisher import Publisher
from swpt_accounts.broker.topology import dead_letter_queue
from swpt_accounts.workers.shutdown import ShutdownEvent
from tests.broker.conftest import take

Consume = Callable[[int], BatchConsumer]
Fill = Callable[[int], list[bytes]]
COUNT = 5 * TOGETHER_COUNT_MIN
ROOM = 11


def refuse_all(consumer: BatchConsumer, count: int) -> None:
    batch = take(consumer, count)
    consumer.finish(batch, [Refusal(d, f"bad: {d.body.decode()}") for d in batch])


def is_left(broker: Broker, queue: str, count: int) -> bool:
    return broker.consumers_count(queue) == 0 and broker.ready_count(queue) == count


def bodies_in(broker: Broker, queue: str) -> list[bytes]:
    found = []
    while (message := broker.get(queue)) is not None:
        found.append(message.body)
    return found


@pytest.fixture
def publishers(monkeypatch: pytest.MonkeyPatch) -> list[Publisher]:
    """Those that were made for many letters."""
    made: list[Publisher] = []

    def make(url: str, name: str) -> Publisher:
        made.append(Publisher(url, name))
        return made[-1]

    monkeypatch.setattr(dead_letters, "Publisher", make)
    return made


@pytest.fixture
def small_dead_letter_queue(broker: Broker, queue: str) -> str:
    """It has room for some, and refuses the others."""
    name = dead_letter_queue(queue)
    broker.channel.queue_delete(name)
    broker.declare_queue(name, **{"x-max-length": ROOM, "x-overflow": "reject-publish"})
    return name


def test_all_are_there_in_their_order(
    consume: Consume, broker: Broker, queue: str, fill: Fill, publishers: list[Publisher]
) -> None:
    consumer = consume(COUNT)
    sent = fill(COUNT)
    refuse_all(consumer, COUNT)
    sent += fill(COUNT)
    refuse_all(consumer, COUNT)
    letters = broker.read_stream(dead_letter_queue(queue), 2 * COUNT)
    assert [m.body for m in letters] == sent
    for letter in letters:
        assert letter.properties.headers[REASON_HEADER] == f"bad: {letter.body.decode()}"
    assert len(publishers) == 1, "one connection, as long as they come"
    consumer.close()
    wait_until(lambda: is_left(broker, queue, 0))


def test_few_need_no_connection(
    consume: Consume, broker: Broker, queue: str, fill: Fill, publishers: list[Publisher]
) -> None:
    sent = fill(TOGETHER_COUNT_MIN - 1)
    refuse_all(consume(COUNT), len(sent))
    letters = broker.read_stream(dead_letter_queue(queue), len(sent))
    assert [m.body for m in letters] == sent
    assert publishers == []


def test_the_connection_goes_when_no_more_come(
    consume: Consume,
    fill: Fill,
    publishers: list[Publisher],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    consumer = consume(COUNT)
    fill(COUNT)
    refuse_all(consumer, COUNT)
    consumer.next_batch(0.01)
    assert publishers[0]._connection.is_open
    monkeypatch.setattr(dead_letters, "TOGETHER_SECONDS_MAX", 0.0)
    consumer.next_batch(0.01)
    assert publishers[0]._connection.is_closed
    fill(COUNT)
    refuse_all(consumer, COUNT)
    assert len(publishers) == 2


def test_a_lost_connection_is_noticed_between_the_batches(
    consume: Consume, broker: Broker, queue: str, fill: Fill, publishers: list[Publisher]
) -> None:
    consumer = consume(COUNT)
    sent = fill(COUNT)
    refuse_all(consumer, COUNT)
    publishers[0]._on_closed(None, AMQPConnectionError("lost"))
    consumer.next_batch(0.01)
    sent += fill(COUNT)
    refuse_all(consumer, COUNT)
    letters = broker.read_stream(dead_letter_queue(queue), len(sent))
    assert [m.body for m in letters] == sent
    assert len(publishers) == 2


def test_without_a_connection_they_go_one_by_one(
    consume: Consume, broker: Broker, queue: str, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[str] = []

    def refuse(url: str, _name: str) -> Publisher:
        attempts.append(url)
        raise AMQPConnectionError("too many connections")

    monkeypatch.setattr(dead_letters, "Publisher", refuse)
    consumer = consume(COUNT)
    sent = []
    for _ in range(2):
        sent += fill(COUNT)
        refuse_all(consumer, COUNT)
    letters = broker.read_stream(dead_letter_queue(queue), len(sent))
    assert [m.body for m in letters] == sent
    assert len(attempts) == 1, "after a failure it is not tried with each batch"
    consumer.close()
    wait_until(lambda: is_left(broker, queue, 0))


def test_those_that_are_not_taken_stay(
    consume: Consume, broker: Broker, queue: str, fill: Fill, small_dead_letter_queue: str
) -> None:
    sent = fill(COUNT)
    consumer = consume(COUNT)
    with pytest.raises(AMQPError):
        refuse_all(consumer, COUNT)
    consumer.close()
    dead = bodies_in(broker, small_dead_letter_queue)
    wait_until(lambda: is_left(broker, queue, COUNT - len(dead)))
    left = bodies_in(broker, queue)
    assert len(dead) >= ROOM
    assert sorted(dead + left) == sorted(sent), "none is lost, none is there twice"


def test_the_stop_ends_it(
    broker_url: str, broker: Broker, queue: str, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the broker does not confirm."""
    shutdown = ShutdownEvent()

    def never(
        _self: Publisher, _publications: object, while_waiting: Callable[[], None]
    ) -> dict[int, str]:
        shutdown.request()
        while_waiting()
        raise AssertionError("it went on after the stop")

    monkeypatch.setattr(Publisher, "publish", never)
    fill(COUNT)
    consumer = BatchConsumer(broker_url, queue, "test", prefetch_count=COUNT, shutdown=shutdown)
    batch = take(consumer, COUNT)
    with pytest.raises(AMQPError):
        consumer.finish(batch, [Refusal(d, "it is bad") for d in batch])
    consumer.close()
    wait_until(lambda: is_left(broker, queue, COUNT))
