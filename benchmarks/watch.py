"""Looks at the processes from time to time while a load is under way."""

import threading
from dataclasses import dataclass
from itertools import pairwise
from time import monotonic
from typing import Self

from benchmarks.agents.play import INTERVAL_SECONDS, LoadResult
from benchmarks.authority import Authority
from benchmarks.memory import read_all
from benchmarks.usage import DRIVER, POSTGRES, Meter

Point = dict[str, float | dict[str, float]]


@dataclass(frozen=True)
class Look:
    """What was seen, so many seconds after the start."""

    seconds: float
    cpu_seconds: float
    """Of everything but the driver, since the beginning of time."""
    postgresql_seconds: float
    resident: dict[str, float]
    """The memory of each process, in MiB."""


class Watch:
    """A thread that looks, from its start until the context ends."""

    def __init__(self, authority: Authority, meter: Meter, every_seconds: float) -> None:
        self._authority = authority
        self._meter = meter
        self._every_seconds = every_seconds
        self._looks: list[Look] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def start(self) -> None:
        """Begin: the load begins, too."""
        self._started_at = monotonic()
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _watch(self) -> None:
        while True:
            sample = self._meter.sample()
            resident = {name: m.resident for name, m in read_all(self._authority).items()}
            cpu_seconds = sum(s for role, s in sample.roles.items() if role != DRIVER)
            self._looks.append(
                Look(monotonic() - self._started_at, cpu_seconds, sample.roles[POSTGRES], resident)
            )
            if self._stop.wait(self._every_seconds):
                return

    def timeline(self, load: LoadResult) -> list[Point]:
        """For each time between two looks: what was done, what it cost, and the memory."""
        return [
            _point(before, after, _completed(load, before.seconds, after.seconds))
            for before, after in pairwise(self._looks)
            # what comes later waits for the last answers only
            if after.seconds <= load.seconds
        ]


def _completed(load: LoadResult, start: float, end: float) -> int:
    first, last = int(start / INTERVAL_SECONDS), int(end / INTERVAL_SECONDS)
    return sum(load.completions[interval] for interval in range(first, last))


def _point(before: Look, after: Look, count: int) -> Point:
    seconds = after.seconds - before.seconds
    return {
        "seconds": after.seconds,
        "per_second": count / seconds,
        "cpu_ms": 1000 * (after.cpu_seconds - before.cpu_seconds) / max(count, 1),
        "postgresql_ms": 1000
        * (after.postgresql_seconds - before.postgresql_seconds)
        / max(count, 1),
        "resident": after.resident,
    }
