"""What the living processes of the container say, and whether they keep their promises."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, time
from typing import Final

from swpt_accounts.observability.heartbeat import Loop, Process, read_process
from swpt_accounts.observability.metrics.recorder import PROCESSES_FOLDER
from swpt_accounts.observability.state_dir import is_held

EXPORTER: Final = "serve_metrics"
"""The command of the exporter itself, which nobody's work depends on."""

PATIENCE_SECONDS: Final = 30.0
"""How long a server may take to answer before that counts as a lack of it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with whom, and since when, as seconds of the epoch.

    Of one `kind` it stays the same problem, though the words change.
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


def living_processes(state_dir: str) -> list[Process]:
    """What they say. One that has just begun may say nothing yet."""
    folder = Path(state_dir, PROCESSES_FOLDER)
    found = (read_process(folder / str(slot)) for slot in living_slots(state_dir))
    return [process for process in found if process is not None]


def is_stuck(loop: Loop, now: float) -> bool:
    """Whether it has not given the sign of life that it had promised."""
    return now > loop.sign_due_at


def is_waiting(loop: Loop, now: float) -> bool:
    """Whether it lacks something."""
    return bool(loop.fault or (loop.awaits and now - loop.sign_at > PATIENCE_SECONDS))


def stuck_loops(processes: list[Process]) -> Iterator[Problem]:
    """The loops that are frozen or stuck."""
    now, clock = monotonic(), time()
    for process in processes:
        for loop in process.loops:
            if is_stuck(loop, now):
                silent_seconds = now - loop.sign_at
                yield Problem(
                    f"{loop.name} of {process.command} (process {process.pid})",
                    f"it has given no sign of life for {silent_seconds:.0f} s",
                    clock - silent_seconds,
                    "stuck",
                )


def waiting_loops(processes: list[Process]) -> Iterator[Problem]:
    """The loops that lack something, but for those of the exporter."""
    now, clock = monotonic(), time()
    for process in processes:
        if process.command == EXPORTER:
            continue
        for loop in process.loops:
            if loop.fault:
                yield Problem(loop.name, loop.fault, loop.fault_since)
            elif is_waiting(loop, now):
                since = clock - (now - loop.sign_at)
                yield Problem(loop.name, f"waits for an answer of {loop.awaits}", since)
