"""What everything in a simulation shares: the kernel, the faults, the processes."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from swpt_accounts.workers.runner import Worker
from swpt_accounts.workers.shutdown import ShutdownEvent
from verification.simulation.faults import AWAY_SECONDS, Fault, Faults
from verification.simulation.kernel import Clock, Kernel, Killed

_RESTART_SECONDS = 0.5


class Connected(Protocol):
    """Something that ends with its process."""

    def lose(self) -> None: ...


class SimStop(ShutdownEvent):
    """A stop whose waits take virtual time."""

    def __init__(self, kernel: Kernel) -> None:
        self._is_requested = False
        self._kernel = kernel

    def request(self, *_: object) -> None:
        self._is_requested = True

    def wait(self, seconds_max: float | None) -> bool:
        if not self._is_requested:
            self._kernel.wait(seconds_max, self.is_requested)
        return self._is_requested

    def fileno(self) -> int:
        raise AssertionError("nothing real waits for a simulated stop")


class Process:
    """Workers that live and die together, and are started again, as by a supervisor."""

    def __init__(
        self, world: "World", name: str, make_workers: Callable[[ShutdownEvent], Sequence[Worker]]
    ) -> None:
        self.name = name
        self.shutdown = SimStop(world.kernel)
        self.connections: list[Connected] = []
        self._world = world
        self._make_workers = make_workers
        self._running_count = 0

    def start(self, delay: float = 0.0) -> None:
        self.shutdown = SimStop(self._world.kernel)
        workers = self._make_workers(self.shutdown)
        self._running_count = len(workers)
        for number, worker in enumerate(workers):
            name = f"{self.name}.{number}" if len(workers) > 1 else self.name
            self._world.kernel.spawn(name, self.name, partial(self._run, worker), delay)

    def _run(self, worker: Worker) -> None:
        worker.run()
        # it was asked to stop
        self._running_count -= 1
        if self._running_count == 0:
            self.kill()

    def kill(self) -> None:
        """End it where it is. What it was connected to finds out at once."""
        self._world.kernel.kill(self.name)
        for connection in tuple(self.connections):
            connection.lose()
        self.connections.clear()
        self.start(_RESTART_SECONDS)


def is_stopping(process: Process | None) -> bool:
    """Whether a process is asked to stop."""
    return process is not None and process.shutdown.is_requested()


class World:
    """A run: time, processes, and what fails when."""

    def __init__(self, seed: int, faults: tuple[Fault, ...], start: datetime) -> None:
        self.clock = Clock(start)
        self.kernel = Kernel(seed, self.clock)
        self.faults = Faults(faults)
        self.processes: dict[str, Process] = {}
        self.away_until = {"db": 0.0, "mq": 0.0}

    @property
    def random(self) -> Any:
        return self.kernel.random

    def monotonic(self) -> float:
        """Stands for `time.monotonic`."""
        return self.clock.monotonic

    def sleep(self, seconds: float) -> None:
        """Stands for `time.sleep`."""
        self.kernel.wait(seconds)

    def process(self) -> Process | None:
        """The process that runs; None while the agents run."""
        actor = self.kernel.current
        return None if actor is None else self.processes.get(actor.process)

    def boundary(self, kind: str, label: str, *, may_switch: bool = True) -> Fault | None:
        """A place where others may run, and where a fault may come.

        Returns a fault that the caller has to make happen. Raises `Killed`.
        """
        process = self.process()
        if process is None:
            return None
        kernel = self.kernel
        actor = kernel.current
        assert actor is not None
        if actor.is_killed:
            raise Killed
        if may_switch:
            kernel.switch()
        kernel.trace.note(actor.name, f"{kind} {label}")
        fault = self.faults.due(process.name, kind)
        if fault is None:
            return None
        kernel.trace.note(actor.name, f"FAULT {fault}")
        if fault.kind == "crash":
            process.kill()
            raise Killed
        if fault.kind == "stop":
            process.shutdown.request()
            return None
        if fault.kind.endswith("-away"):
            self.away_until[fault.kind[:2]] = self.clock.monotonic + AWAY_SECONDS
        return fault

    def is_away(self, server: str) -> bool:
        return self.clock.monotonic < self.away_until[server]
