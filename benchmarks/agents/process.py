"""The process of the driver, and how the benchmark commands it."""

import gc
import itertools
import multiprocessing
import multiprocessing.connection
import resource
import select
import signal
from dataclasses import dataclass
from multiprocessing.connection import Connection
from time import monotonic
from typing import Any, Self

from agentkit.fast_link import Link
from agentkit.waiting import KitError
from benchmarks.agents.load import EchoLoad, Load, OpeningLoad
from benchmarks.agents.messages import Sentinel, decode
from benchmarks.agents.play import EchoPlay, LoadResult, OpeningPlay, Play, TransferPlay

PREFETCH_COUNT = 5000
START_SECONDS_MAX = 30.0
END_SECONDS_MAX = 60.0
_sentinel_numbers = itertools.count(1)


@dataclass(frozen=True)
class _Task:
    broker_url: str
    queue: str
    load: Load | EchoLoad
    sentinel_number: int
    request_queue: str


class Driver:
    """A process that carries out one load.

    Connected when it is made; `run` lets the time begin, and returns when all requests are
    completed, or when it took too long; `finish` returns the result.
    """

    def __init__(
        self, broker_url: str, queue: str, load: Load | EchoLoad, request_queue: str = ""
    ) -> None:
        """It hears what is in the queue. Requests go to the other queue, or to their accounts."""
        context = multiprocessing.get_context("spawn")
        self._load = load
        self.sentinel_number = next(_sentinel_numbers)
        task = _Task(broker_url, queue, load, self.sentinel_number, request_queue)
        self._pipe, far_end = context.Pipe()
        self._process = context.Process(target=_drive, args=(far_end, task), daemon=True)
        self._process.start()
        far_end.close()
        self._receive(START_SECONDS_MAX)

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def _receive(self, seconds_max: float) -> Any:
        if not self._pipe.poll(seconds_max):
            raise KitError("the driver does not answer")
        try:
            answer = self._pipe.recv()
        except EOFError:
            raise KitError("the driver has died") from None
        if isinstance(answer, Exception):
            raise KitError(repr(answer))
        return answer

    def start(self) -> None:
        """Let the time begin."""
        self._pipe.send("start")

    def stop(self) -> None:
        """Send no more requests."""
        self._pipe.send("stop")

    def wait(self) -> None:
        """Wait until all requests are completed, or until the time of the load is over."""
        self._receive(self._load.timeout_seconds + START_SECONDS_MAX)

    def finish(self) -> LoadResult:
        """What came of it. Before, its sentinel must have been sent to the queue."""
        result = self._receive(END_SECONDS_MAX)
        assert isinstance(result, LoadResult)
        return result

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def cpu_seconds() -> float:
    """The CPU time of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _drive(pipe: Connection, task: _Task) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _Pump(pipe, task).run()
    except Exception as error:
        pipe.send(error)


def _play(load: Load | EchoLoad, queue: str) -> Play:
    if isinstance(load, EchoLoad):
        return EchoPlay(load, queue)
    return OpeningPlay(load, queue) if isinstance(load, OpeningLoad) else TransferPlay(load, queue)


class _Pump:
    """Moves messages between the broker and the play, over two links: neither delays the other."""

    def __init__(self, pipe: Connection, task: _Task) -> None:
        self._pipe = pipe
        load = task.load
        self._play = _play(load, task.request_queue)
        self._timeout_seconds = load.timeout_seconds
        self._end = 0.0
        self._sentinel_number = task.sentinel_number
        self._out = Link(task.broker_url)
        self._in = Link(task.broker_url)
        self._in.consume(task.queue, PREFETCH_COUNT)
        self._is_over = False

    def run(self) -> None:
        # What is loaded by now, garbage collections need not look at while the time runs.
        gc.collect()
        gc.freeze()
        self._pipe.send("ready")
        self._pipe.recv()
        started_at = monotonic()
        self._play.start(started_at)
        self._end = started_at + self._timeout_seconds
        while not self._play.is_complete and monotonic() < self._end:
            self._turn()
        self._pipe.send("complete")
        self._end = monotonic() + END_SECONDS_MAX
        while not self._is_over and monotonic() < self._end:
            self._turn()
        if not self._is_over:
            self._play.problems.note("the last message did not arrive")
        self._pipe.send(self._play.result())

    def _turn(self) -> None:
        """Send what is due, and take what has come; wait, if there is neither."""
        wait_seconds = self._send_due(self._end)
        writing = [link for link in (self._out, self._in) if link.has_outgoing]
        reading: list[Any] = [self._in, self._out, self._pipe]
        readable, _, _ = select.select(reading, writing, [], wait_seconds)
        for link in readable:
            if link is self._pipe:
                self._stop()
                continue
            for body in link.receive():
                message = decode(body)
                if isinstance(message, Sentinel):
                    self._is_over |= message.number == self._sentinel_number
                else:
                    self._play.take(message, self._out.post, monotonic())
        self._in.flush()
        self._out.flush()

    def _stop(self) -> None:
        self._pipe.recv()
        self._play.stop()
        self._end = monotonic() + END_SECONDS_MAX

    def _send_due(self, end: float) -> float:
        """Send what is due. Returns for how many seconds there is nothing to send."""
        now = monotonic()
        while (due_at := self._play.due_at()) is not None:
            if due_at > now:
                return max(min(due_at, end) - now, 0)
            if self._out.is_full:
                return max(end - now, 0)
            self._play.send(self._out.post, now)
        return max(end - now, 0)
