"""What the servers and pika do on this machine without any authority between them.

Results are given as parts of these limits, too: machines differ, and one machine differs from
hour to hour.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import takewhile
from time import monotonic
from typing import Any

import pika

from agentkit.authority import QUEUE as AUTHORITY_QUEUE
from agentkit.keys import ACCOUNTS_IN, TO_COORDINATORS, TO_CREDITORS, bits_key
from agentkit.waiting import KitError
from benchmarks.addresses import Addresses
from benchmarks.authority import OBSERVER_QUEUE
from benchmarks.usage import read_processes, tree_seconds

QUEUE = "raw_limits"
WINDOW_COUNT = 2000
BATCH_ROWS = 1000
BODY = b"x" * 500
_PROPERTIES = pika.BasicProperties(delivery_mode=2)
_TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class _Route:
    """How a message gets to a queue."""

    exchange: str
    routing_key: str
    queue: str
    properties: pika.BasicProperties


_PLAIN = _Route("", QUEUE, QUEUE, _PROPERTIES)
_DIRECT = pika.BasicProperties(delivery_mode=2, headers={"coordinator-type": "direct"})
_CREDITOR_KEY = "00.00.02.00.00.00.00.07"
# The messages of a transfer: two of each.
_TRANSFER_ROUTES = (
    _Route(ACCOUNTS_IN, bits_key(1, 2), AUTHORITY_QUEUE, _DIRECT),
    _Route(TO_COORDINATORS, _CREDITOR_KEY, OBSERVER_QUEUE, _DIRECT),
    _Route(TO_CREDITORS, _CREDITOR_KEY, OBSERVER_QUEUE, _DIRECT),
)


@dataclass(frozen=True)
class RawLimits:
    """In one second; the broker's CPU time is in microseconds a message."""

    publish_window: float
    """Persistent messages into a quorum queue, confirms awaited together."""
    publish_single: float
    """The same, each confirm awaited."""
    consume_multiple: float
    """Messages out of it, acknowledged together."""
    consume_single: float
    """The same, each acknowledged alone."""
    broker_publish_us: float
    broker_consume_us: float
    commits: float
    """Transactions that insert a row."""
    insert_rows: float
    """Rows inserted by a thousand a transaction."""
    delete_rows: float
    """Rows deleted by a thousand a transaction."""
    broker_transfer_ms: float
    """The broker's CPU time for nothing but the six messages of a transfer, through the
    authority's exchanges."""

    def as_json(self) -> dict[str, float]:
        return asdict(self)


def measure(addresses: Addresses, count: int) -> RawLimits:
    """Measure everything with so many messages, or so many rows; singly, with a tenth of them.

    The exchanges and the queues of the authority must exist, and the authority must not run.
    """
    return RawLimits(
        **_measure_broker(addresses, count),
        **_measure_database(addresses, count),
        broker_transfer_ms=_measure_routes(addresses, count),
    )


def _timed(action: Callable[[], None]) -> float:
    started_at = monotonic()
    action()
    return monotonic() - started_at


# -- the broker -----------------------------------------------------------------


def _measure_broker(addresses: Addresses, count: int) -> dict[str, float]:
    pid = addresses.broker_pid()
    connection = pika.BlockingConnection(pika.URLParameters(addresses.broker_url))
    channel = connection.channel()
    channel.queue_declare(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
    single_count = count // 10
    try:
        used = [tree_seconds(read_processes(), pid)]
        publish_seconds = _WindowPublisher(addresses.broker_url, count, _PLAIN).run()
        used.append(tree_seconds(read_processes(), pid))
        consume_seconds = _timed(lambda: _consume(channel, QUEUE, count, WINDOW_COUNT // 4))
        used.append(tree_seconds(read_processes(), pid))
        single_publish_seconds = _timed(lambda: _publish_singly(addresses.broker_url, single_count))
        single_consume_seconds = _timed(lambda: _consume(channel, QUEUE, single_count, 1))
    finally:
        channel.queue_delete(QUEUE)
        connection.close()
    return {
        "publish_window": count / publish_seconds,
        "publish_single": single_count / single_publish_seconds,
        "consume_multiple": count / consume_seconds,
        "consume_single": single_count / single_consume_seconds,
        "broker_publish_us": (used[1] - used[0]) / count * 1e6,
        "broker_consume_us": (used[2] - used[1]) / count * 1e6,
    }


def _measure_routes(addresses: Addresses, count: int) -> float:
    pid = addresses.broker_pid()
    connection = pika.BlockingConnection(pika.URLParameters(addresses.broker_url))
    channel = connection.channel()
    before = tree_seconds(read_processes(), pid)
    for route in _TRANSFER_ROUTES:
        _WindowPublisher(addresses.broker_url, count, route).run()
        _consume(channel, route.queue, count, WINDOW_COUNT // 4)
    seconds = tree_seconds(read_processes(), pid) - before
    connection.close()
    return 2 * 1000 * seconds / count


def _publish_singly(url: str, count: int) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.confirm_delivery()
    for _ in range(count):
        channel.basic_publish("", QUEUE, BODY, _PROPERTIES)
    connection.close()


def _consume(channel: Any, queue: str, count: int, ack_every: int) -> None:
    """Consume exactly so many messages."""
    received = 0
    channel.basic_qos(prefetch_count=WINDOW_COUNT)

    def on_message(_channel: Any, method: Any, _properties: Any, _body: bytes) -> None:
        nonlocal received
        received += 1
        if received % ack_every == 0 or received == count:
            channel.basic_ack(method.delivery_tag, multiple=True)

    end = monotonic() + _TIMEOUT_SECONDS
    tag = channel.basic_consume(queue, on_message)
    while received < count:
        channel.connection.process_data_events(time_limit=1)
        if monotonic() >= end:
            raise KitError("the broker does not deliver")
    channel.basic_cancel(tag)


class _WindowPublisher:
    """Publishes with pika's SelectConnection, and a window of confirms."""

    def __init__(self, url: str, count: int, route: _Route) -> None:
        self._count = count
        self._route = route
        self._published = 0
        self._unconfirmed: dict[int, None] = {}
        self._started_at = 0.0
        self._ended_at = 0.0
        self._channel: Any = None
        self._connection = pika.SelectConnection(
            pika.URLParameters(url),
            on_open_callback=lambda c: c.channel(on_open_callback=self._on_channel),
            on_open_error_callback=lambda c, _error: c.ioloop.stop(),
            on_close_callback=lambda c, _reason: c.ioloop.stop(),
        )

    def run(self) -> float:
        """Returns how many seconds it took."""
        self._connection.ioloop.start()
        if not self._ended_at:
            raise KitError("the broker does not take messages")
        return self._ended_at - self._started_at

    def _on_channel(self, channel: Any) -> None:
        self._channel = channel
        channel.confirm_delivery(self._on_confirm, callback=self._on_ready)

    def _on_ready(self, _frame: Any) -> None:
        self._started_at = monotonic()
        self._publish()

    def _publish(self) -> None:
        while self._published < self._count and len(self._unconfirmed) < WINDOW_COUNT:
            route = self._route
            self._channel.basic_publish(
                route.exchange, route.routing_key, BODY, route.properties, mandatory=True
            )
            self._published += 1
            self._unconfirmed[self._published] = None

    def _on_confirm(self, frame: Any) -> None:
        tag = frame.method.delivery_tag
        tags = takewhile(lambda t: t <= tag, self._unconfirmed) if frame.method.multiple else (tag,)
        for confirmed in list(tags):
            del self._unconfirmed[confirmed]
        if not self._unconfirmed and self._published == self._count:
            self._ended_at = monotonic()
            self._connection.close()
        elif len(self._unconfirmed) <= WINDOW_COUNT // 2:
            self._publish()


# -- the database ---------------------------------------------------------------


def _measure_database(addresses: Addresses, count: int) -> dict[str, float]:
    rows_count = -(-count // BATCH_ROWS) * BATCH_ROWS
    batches = [list(range(n, n + BATCH_ROWS)) for n in range(0, rows_count, BATCH_ROWS)]
    commits_count = count // 10
    with addresses.connect() as connection:
        connection.execute("CREATE TABLE raw_limits (id bigint PRIMARY KEY, body text)")

        def execute_each(statement: str, values: list[list[int]] | range) -> None:
            for value in values:
                connection.execute(statement, [value])

        try:
            commit_seconds = _timed(
                lambda: execute_each(
                    "INSERT INTO raw_limits VALUES (%s, repeat('x', 100))",
                    range(-commits_count, 0),
                )
            )
            insert_seconds = _timed(
                lambda: execute_each(
                    "INSERT INTO raw_limits"
                    " SELECT id, repeat('x', 100) FROM unnest(%s::bigint[]) AS id",
                    batches,
                )
            )
            delete_seconds = _timed(
                lambda: execute_each(
                    "DELETE FROM raw_limits r USING unnest(%s::bigint[]) AS d (id)"
                    " WHERE r.id = d.id",
                    batches,
                )
            )
        finally:
            connection.execute("DROP TABLE raw_limits")
    return {
        "commits": commits_count / commit_seconds,
        "insert_rows": rows_count / insert_seconds,
        "delete_rows": rows_count / delete_seconds,
    }
