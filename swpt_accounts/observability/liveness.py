"""The heartbeats of the living processes of the container, and what they say of a loop.

`condition_of` is the only place that decides it: `/live`, `/ready`, `healthcheck`, `status`, the
console and the metrics, from which the alerts are made, repeat what it says.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from time import monotonic, time
from typing import Final

from swpt_accounts.observability.heartbeat import LoopState, ProcessState, read_process
from swpt_accounts.observability.metrics.recorder import PROCESSES_FOLDER
from swpt_accounts.observability.state_dir import is_held
from swpt_accounts.observability.worker_names import EXPORTER

PATIENCE_SECONDS: Final = 30.0
"""How long a server may take to answer, or a loop to start, before the loop counts as waiting."""


class Condition(StrEnum):
    """Whether a worker is at work. It is `unknown` where nobody can say it."""

    WORKING = "working"
    UNKNOWN = "unknown"
    STARTING = "starting"
    WAITING = "waiting"
    FROZEN = "frozen"
    DOWN = "down"


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


def condition_of(loop: LoopState, now: float) -> tuple[Condition, str]:
    """The condition of a loop at a monotonic moment, and in words, what is the matter."""
    seconds = now - loop.beat_at
    if now > loop.beat_due_at:
        return Condition.FROZEN, f"frozen: no heartbeat for {seconds:.0f} s"
    if loop.is_starting and now - loop.begun_at < PATIENCE_SECONDS:
        return Condition.STARTING, loop.fault
    if loop.fault:
        return Condition.WAITING, loop.fault
    if loop.awaits and seconds > PATIENCE_SECONDS:
        return Condition.WAITING, f"waiting for {loop.awaits}"
    return Condition.WORKING, ""


def stuck_loops(processes: list[ProcessState]) -> Iterator[HealthProblem]:
    """The loops whose heartbeat is overdue."""
    now, clock = monotonic(), time()
    for process in processes:
        for loop in process.loops:
            condition, what = condition_of(loop, now)
            if condition == Condition.FROZEN:
                subject = f"{loop.name} of {process.command} (pid {process.pid})"
                yield HealthProblem(subject, what, clock - (now - loop.beat_at), "stuck")


def degraded_loops(processes: list[ProcessState]) -> Iterator[HealthProblem]:
    """The loops that lack something, but for those of the exporter, and those that are frozen."""
    now, clock = monotonic(), time()
    for loop in (loop for one in processes for loop in one.loops if loop.name != EXPORTER):
        condition, what = condition_of(loop, now)
        if condition in (Condition.STARTING, Condition.WAITING):
            since = loop.fault_since if loop.fault else clock - (now - loop.beat_at)
            yield HealthProblem(loop.name, what, since)
