"""What a message in a queue of a peer costs RabbitMQ, by the type of the queue."""

from collections.abc import Mapping
from contextlib import closing, suppress
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

import pika

from agentkit.broker import Broker
from agentkit.waiting import KitError
from benchmarks.addresses import VARIABLES, Addresses
from benchmarks.bench import Bench, Results
from benchmarks.scenarios.comparisons import in_turn
from benchmarks.scenarios.servers import OWN, sandboxes, versions_of
from benchmarks.usage import BROKER_NAME, read_processes, tree_seconds

TYPES: Final = ("classic", "quorum", "stream")
AT_ONCE, PUBLISHED, CONSUMED = "at once", "published", "consumed"
_BODY: Final = b"x" * 700
_QUEUE: Final = "queue_types"
_WINDOW: Final = 250
_ACKNOWLEDGED_TOGETHER: Final = 50
_TIMEOUT_SECONDS: Final = 120.0
_PROPERTIES: Final = pika.BasicProperties(delivery_mode=2)
_BROKER_VARIABLE: Final = VARIABLES[1]


def queue_types(bench: Bench) -> Results:
    """Persistent messages with confirms, through a queue of each type: while a peer reads, no more
    than a window of them waiting; and all published before the peer reads.

    On the RabbitMQ of ./dev, and on those that --servers names.
    """
    given = bench.options.servers.items()
    others = {v[_BROKER_VARIABLE]: (n, v) for n, v in given if _BROKER_VARIABLE in v}
    runs: list[Results] = []
    with sandboxes(dict(others.values())) as found:
        places = {OWN: bench.addresses, **found}
        versions = {name: versions_of(addresses) for name, addresses in places.items()}
        for number in range(bench.runs_count):
            run: Results = {}
            for name in in_turn(list(places), number):
                run[name] = {
                    kind: _measure(places[name], kind, bench.sizes.queue_messages)
                    for kind in in_turn(TYPES, number)
                }
                bench.say(f"RabbitMQ {versions[name]['rabbitmq']}: {_describe(run[name])}")
            runs.append(run)
    return {"runs": runs, "versions": versions}


def _describe(types: Mapping[str, Results]) -> str:
    return "; ".join(
        f"{kind}: " + ", ".join(f"{when} {one['cpu_us']:.0f} µs" for when, one in whens.items())
        for kind, whens in types.items()
    )


def _measure(addresses: Addresses, kind: str, count: int) -> Results:
    return {
        AT_ONCE: _with_queue(addresses, kind, count, (AT_ONCE,))[0],
        **dict(
            zip(
                (PUBLISHED, CONSUMED),
                _with_queue(addresses, kind, count, (PUBLISHED, CONSUMED)),
                strict=True,
            )
        ),
    }


def _with_queue(
    addresses: Addresses, kind: str, count: int, whens: tuple[str, ...]
) -> list[Results]:
    """What is done with a new queue, one after the other."""
    with closing(Broker(addresses.broker_url)) as broker:
        broker.declare_queue(_QUEUE, **{"x-queue-type": kind})
        try:
            return [_pass(addresses, kind, count, when) for when in whens]
        finally:
            broker.channel.queue_delete(_QUEUE)


def _pass(addresses: Addresses, kind: str, count: int, when: str) -> Results:
    peer = _Peer(addresses.broker_url, count, kind, when)
    before = _Taken(addresses.broker_pid())
    peer.run()
    after = _Taken(before.pid)
    return {
        "cpu_us": (after.cpu_seconds - before.cpu_seconds) / count * 1e6,
        "disk_bytes": (after.written - before.written) / count,
        "network_bytes": peer.network_bytes / count,
    }


class _Taken:
    """What a RabbitMQ on this machine has taken until now. Nothing, if it is on another one."""

    def __init__(self, pid: int) -> None:
        processes = read_processes()
        self.pid = pid
        self.cpu_seconds = 0.0
        self.written = 0
        """What went to a disk. 0, if its data are in memory, or nobody may know."""
        if pid in processes and processes[pid].name == BROKER_NAME:
            self.cpu_seconds = tree_seconds(processes, pid)
            with suppress(PermissionError):
                lines = Path("/proc", str(pid), "io").read_text().splitlines()
                self.written = int(dict(line.split(": ") for line in lines)["write_bytes"])


class _Peer:
    """Publishes and consumes over one connection, with a window of what is under way."""

    def __init__(self, url: str, count: int, kind: str, when: str) -> None:
        self.network_bytes = 0
        self._count = count
        self._arguments = {"x-stream-offset": "first"} if kind == "stream" else {}
        self._publishes = when in (AT_ONCE, PUBLISHED)
        self._consumes = when in (AT_ONCE, CONSUMED)
        self._published = 0
        self._consumed = 0
        self._unconfirmed: dict[int, None] = {}
        self._is_done = False
        self._channel: Any = None
        self._connection = pika.SelectConnection(
            pika.URLParameters(url),
            on_open_callback=lambda c: c.channel(on_open_callback=self._on_channel),
            on_open_error_callback=lambda c, _error: c.ioloop.stop(),
            on_close_callback=lambda c, _reason: c.ioloop.stop(),
        )

    def run(self) -> None:
        """Publish and consume all of them. Raises `KitError`."""
        loop = self._connection.ioloop
        loop.call_later(_TIMEOUT_SECONDS, loop.stop)
        loop.start()
        if not self._is_done:
            raise KitError("the broker does not take, or does not deliver, all messages")

    def _on_channel(self, channel: Any) -> None:
        self._channel = channel
        channel.basic_qos(prefetch_count=_WINDOW, callback=self._on_qos)

    def _on_qos(self, _frame: Any) -> None:
        if self._consumes:
            self._channel.basic_consume(_QUEUE, self._on_message, arguments=self._arguments)
        if self._publishes:
            self._channel.confirm_delivery(self._on_confirm, callback=lambda _frame: self._go_on())

    def _go_on(self) -> None:
        """Publish what the window takes, or end."""
        under_way = self._published - self._consumed if self._consumes else 0
        room = _WINDOW - max(under_way, len(self._unconfirmed))
        for _ in range(min(room, self._count - self._published) if self._publishes else 0):
            self._channel.basic_publish("", _QUEUE, _BODY, _PROPERTIES)
            self._published += 1
            self._unconfirmed[self._published] = None
        is_published = self._published == self._count and not self._unconfirmed
        is_consumed = self._consumed == self._count or not self._consumes
        if (is_published or not self._publishes) and is_consumed and not self._is_done:
            self._is_done = True
            self.network_bytes = self._connection.bytes_sent + self._connection.bytes_received
            self._connection.close()

    def _on_confirm(self, frame: Any) -> None:
        tag = frame.method.delivery_tag
        tags = takewhile(lambda t: t <= tag, self._unconfirmed) if frame.method.multiple else (tag,)
        for confirmed in list(tags):
            del self._unconfirmed[confirmed]
        self._go_on()

    def _on_message(self, _channel: Any, method: Any, _properties: Any, _body: bytes) -> None:
        self._consumed += 1
        if self._consumed % _ACKNOWLEDGED_TOGETHER == 0 or self._consumed == self._count:
            self._channel.basic_ack(method.delivery_tag, multiple=True)
            self._go_on()
