"""The heartbeats of the living processes of the container, and what is wrong with them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, time
from typing import Final

from swpt_accounts.core.worker_names import EXPORTER
from swpt_accounts.observability.heartbeat import LoopState, ProcessState, read_process
from swpt_accounts.observability.metrics.recorder import PROCESSES_FOLDER
from swpt_accounts.observability.state_dir import is_held

PATIENCE_SECONDS: Final = 30.0
"""How long a server may take to answer before the loop that waits for it counts as degraded."""


@dataclass(frozen=True, slots=True)
class HealthProblem:
    """What is wrong with a subject, and since when, as seconds of the epoch.

    Problems of one `kind` are the same problem, though the words change.
    """

    subject: str
    what: str
    since: float
    kind: str = ""

    def __str__(self) -> str:
        since = datetime.fromtimestamp(self.since, UTC).isoformat(timespec="seconds")
        return f"{self.subject}: {self.what}, since {since}"


def living_slots(state_dir: str) -> list[int]:
    """The slots of the processes that are alive."""
    paths = Path(state_dir, PROCESSES_FOLDER).glob("[0-9]*")
    return sorted(int(path.name) for path in paths if is_held(path))


def living_processes(state_dir: str) -> list[ProcessState]:
    """Their states. One that has just started may have none yet."""
    folder = Path(state_dir, PROCESSES_FOLDER)
    found = (read_process(folder / str(slot)) for slot in living_slots(state_dir))
    return [process for process in found if process is not None]


def is_stuck(loop: LoopState, now: float) -> bool:
    """Whether its heartbeat is overdue."""
    return now > loop.beat_due_at


def is_degraded(loop: LoopState, now: float) -> bool:
    """Whether it cannot use something that it needs."""
    return bool(loop.fault or (loop.awaits and now - loop.beat_at > PATIENCE_SECONDS))


def stuck_loops(processes: list[ProcessState]) -> Iterator[HealthProblem]:
    """The loops whose heartbeat is overdue."""
    now, clock = monotonic(), time()
    for process in processes:
        for loop in process.loops:
            if is_stuck(loop, now):
                seconds = now - loop.beat_at
                subject = f"{loop.name} of {process.command} (pid {process.pid})"
                what = f"no heartbeat for {seconds:.0f} s"
                yield HealthProblem(subject, what, clock - seconds, "stuck")


def degraded_loops(processes: list[ProcessState]) -> Iterator[HealthProblem]:
    """The loops that cannot use something that they need, but for those of the exporter."""
    now, clock = monotonic(), time()
    for loop in (loop for one in processes if one.command != EXPORTER for loop in one.loops):
        if loop.fault:
            yield HealthProblem(loop.name, loop.fault, loop.fault_since)
        elif is_degraded(loop, now):
            since = clock - (now - loop.beat_at)
            yield HealthProblem(loop.name, f"waiting for {loop.awaits}", since)
