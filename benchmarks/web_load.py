"""Asks the fetch API, over kept-alive connections, in a process of its own."""

import multiprocessing
import selectors
import signal
import socket
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from random import Random
from time import monotonic

from agentkit.waiting import KitError
from benchmarks.agents.load import account
from benchmarks.agents.process import cpu_seconds
from benchmarks.histogram import Histogram

_EXTRA_SECONDS_MAX = 30.0
_PROBLEMS_MAX = 20
_END_OF_HEAD = b"\r\n\r\n"
_EXPECTED = b"HTTP/1.1 204 "


@dataclass(frozen=True)
class WebLoad:
    """Ask whether random accounts are reachable: they are.

    Without a rate each connection asks again as soon as it has an answer. With a rate, a
    request is due at its time, and waits for a free connection if there is none.
    """

    port: int
    debtor_id: int
    accounts_count: int
    connections_count: int
    seconds: float
    rate_per_second: float | None = None
    seed: int = 0


@dataclass
class WebResult:
    """How many answers came, in how many seconds, and how long each took since it was due."""

    count: int = 0
    seconds: float = 0.0
    latencies: Histogram = field(default_factory=Histogram)
    problems: list[str] = field(default_factory=list)
    cpu_seconds: float = 0.0

    @property
    def per_second(self) -> float:
        return self.count / self.seconds if self.seconds else 0.0


def run_web_load(load: WebLoad) -> WebResult:
    """Carry out a load."""
    context = multiprocessing.get_context("spawn")
    pipe, far_end = context.Pipe()
    process = context.Process(target=_ask, args=(far_end, load), daemon=True)
    process.start()
    far_end.close()
    try:
        if not pipe.poll(load.seconds + _EXTRA_SECONDS_MAX):
            raise KitError("the HTTP client does not answer")
        result = pipe.recv()
    except EOFError:
        raise KitError("the HTTP client has died") from None
    finally:
        process.kill()
        process.join()
    assert isinstance(result, WebResult)
    return result


def _ask(pipe: Connection, load: WebLoad) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    client = _Client(load)
    client.run()
    pipe.send(client.result)


class _Client:
    def __init__(self, load: WebLoad) -> None:
        self.result = WebResult()
        self._load = load
        self._random = Random(load.seed)
        self._selector = selectors.DefaultSelector()
        self._free: deque[socket.socket] = deque()
        self._due_at: dict[socket.socket, float] = {}
        self._received: dict[socket.socket, bytes] = {}
        for _ in range(load.connections_count):
            connection = socket.create_connection(("127.0.0.1", load.port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._selector.register(connection, selectors.EVENT_READ)
            self._free.append(connection)
            self._received[connection] = b""

    def run(self) -> None:
        started_at = now = monotonic()
        end = started_at + self._load.seconds
        due_times = self._due_times(started_at)
        due_at = next(due_times)
        while now < end or self._due_at:
            while self._free and due_at <= now < end:
                self._send(self._free.popleft(), due_at)
                due_at = next(due_times)
            wait_seconds = min(due_at, end) - now if self._free and now < end else 1.0
            for key, _ in self._selector.select(max(wait_seconds, 0)):
                assert isinstance(key.fileobj, socket.socket)
                self._receive(key.fileobj)
            now = monotonic()
            if now > end + _EXTRA_SECONDS_MAX / 2:
                self._note(f"{len(self._due_at)} answers did not come")
                break
        self.result.seconds = now - started_at
        self.result.cpu_seconds = cpu_seconds()

    def _due_times(self, started_at: float) -> Iterator[float]:
        rate, number = self._load.rate_per_second, 0
        while True:
            yield monotonic() if rate is None else started_at + number / rate
            number += 1

    def _send(self, connection: socket.socket, due_at: float) -> None:
        creditor_id = account(self._random.randrange(self._load.accounts_count))
        path = f"/accounts/{self._load.debtor_id}/{creditor_id}/reachable"
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        self._due_at[connection] = due_at

    def _receive(self, connection: socket.socket) -> None:
        data = connection.recv(65536)
        answer = self._received[connection] + data
        if data and not answer.endswith(_END_OF_HEAD):
            self._received[connection] = answer
            return
        self._received[connection] = b""
        self.result.latencies.add(monotonic() - self._due_at.pop(connection))
        self.result.count += 1
        if not answer.startswith(_EXPECTED):
            self._note(f"an answer is wrong: {answer[:200]!r}")
        if data:
            self._free.append(connection)
        else:
            self._selector.unregister(connection)

    def _note(self, problem: str) -> None:
        if len(self.result.problems) < _PROBLEMS_MAX:
            self.result.problems.append(problem)
