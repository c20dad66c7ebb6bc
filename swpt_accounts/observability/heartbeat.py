"""The heartbeats of a process, in a file: a record for each of its loops.

A beat says when the next one is due. A loop that waits for a server owes none: how long a server is
away is not up to it. A loop that cannot use something is degraded: its record says why, and since
when. The header of the file says to which shard the process belongs.
"""

import mmap
import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path
from select import poll
from time import monotonic, time
from typing import Final

from swpt_accounts.observability.state_dir import Slot, read_slot

BEAT_SECONDS_MAX: Final = 30.0
"""A loop without a heartbeat for so long is frozen, or stuck."""

SLICE_SECONDS: Final = 10.0
"""How long a wait goes on without a heartbeat."""

LOOPS_COUNT_MAX: Final = 1100
_RECORD_BYTES: Final = 512
_HEADER: Final = struct.Struct("<qqd64s16s")
_BEAT: Final = struct.Struct("<ddd")
_TEXTS: Final = struct.Struct("<d64s16s384s")
FILE_BYTES: Final = _RECORD_BYTES * (LOOPS_COUNT_MAX + 1)
_STARTING: Final = "starting"

_local = threading.local()


@dataclass(frozen=True, slots=True)
class LoopState:
    """The record of a loop. Moments `…_at` are monotonic ones, `fault_since` is one of the clock.

    It `awaits` a server, or "". Its `fault` is what it lacks, or "".
    """

    name: str
    beat_due_at: float
    beat_at: float
    begun_at: float
    awaits: str
    fault: str
    fault_since: float

    @property
    def is_starting(self) -> bool:
        """Whether it has not done anything yet."""
        return self.fault == _STARTING


@dataclass(frozen=True, slots=True)
class ProcessState:
    slot: int
    pid: int
    command: str
    started_at: float
    loops: tuple[LoopState, ...]
    shard: str = ""


class HeartbeatFile:
    """The file of this process."""

    def __init__(self, slot: Slot, command: str, shard: str = "") -> None:
        os.ftruncate(slot.fd, 0)
        os.ftruncate(slot.fd, FILE_BYTES)
        self._memory = mmap.mmap(slot.fd, FILE_BYTES)
        self._command, self._shard = command.encode()[:64], shard.encode()[:16]
        self._started_at = time()
        self._count = 0
        self._free: list[int] = []
        self._lock = threading.Lock()
        self._write_header()

    def _write_header(self) -> None:
        about = self._command, self._shard
        header = _HEADER.pack(os.getpid(), self._count, self._started_at, *about)
        self._memory[: _HEADER.size] = header

    def begin(self, name: str) -> "Heartbeat | None":
        """Add a loop. None if there are too many: the others are not watched."""
        with self._lock:
            if self._free:
                number = self._free.pop()
            elif self._count < LOOPS_COUNT_MAX:
                self._count += 1
                number = self._count
            else:
                return None
            heartbeat = Heartbeat(self._memory, number, name)
            self._write_header()
            return heartbeat

    def end(self, heartbeat: "Heartbeat") -> None:
        with self._lock:
            heartbeat.clear()
            self._free.append(heartbeat.number)


class Heartbeat:
    """The record of a loop. Only its own thread uses it."""

    def __init__(self, memory: mmap.mmap, number: int, name: str) -> None:
        self.number = number
        self._memory = memory
        self._name = name.encode()[:64]
        self._at = number * _RECORD_BYTES
        self._begun_at = monotonic()
        self._awaits = ""
        self._faults: dict[object, tuple[float, str]] = {None: (time(), _STARTING)}
        self.beat()
        self._write_texts()

    def beat(self, seconds: float = BEAT_SECONDS_MAX) -> None:
        """Beat. The next one is due within this time."""
        now = monotonic()
        self._memory[self._at : self._at + _BEAT.size] = _BEAT.pack(
            now + seconds, now, self._begun_at
        )

    def await_server(self, what: str) -> str:
        """Owe no heartbeat while waiting for a server; "": it has answered. Returns what was
        awaited before.
        """
        before, self._awaits = self._awaits, what
        at = self._at + _BEAT.size + 72
        self._memory[at : at + 16] = what.encode().ljust(16, b"\0")
        self.beat(inf if what else BEAT_SECONDS_MAX)
        return before

    def degrade(self, key: object, what: str) -> None:
        """Note what cannot be used, until `recover` is called with the same key."""
        since, _ = self._faults.get(key) or self._faults.pop(None, None) or (time(), "")
        self._faults[key] = since, what
        self._write_texts()

    def recover(self, key: object) -> None:
        """Note that it can be used. The first call ends the start, too, whatever the key."""
        if self._faults and (key in self._faults or None in self._faults):
            self._faults.pop(key, None)
            self._faults.pop(None, None)
            self._write_texts()

    def _write_texts(self) -> None:
        since, fault = min(self._faults.values(), default=(0.0, ""))
        at = self._at + _BEAT.size
        self._memory[at : at + _TEXTS.size] = _TEXTS.pack(
            since, self._name, self._awaits.encode(), fault.encode()[:384]
        )

    def clear(self) -> None:
        self._memory[self._at : self._at + _RECORD_BYTES] = b"\0" * _RECORD_BYTES


def read_process(path: Path) -> ProcessState | None:
    """The records of the process of a slot; None if they cannot be read now."""
    data = read_slot(path, _RECORD_BYTES)
    if len(data) < _RECORD_BYTES:
        return None
    pid, count, started_at, command, shard = _HEADER.unpack_from(data)
    data += read_slot(path, count * _RECORD_BYTES, _RECORD_BYTES)
    records = (_read_loop(data, number * _RECORD_BYTES) for number in range(1, count + 1))
    loops = tuple(loop for loop in records if loop.name)
    return ProcessState(int(path.name), pid, _text(command), started_at, loops, _text(shard))


def _read_loop(data: bytes, at: int) -> LoopState:
    due_at, beat_at, begun_at = _BEAT.unpack_from(data, at)
    since, name, awaits, fault = _TEXTS.unpack_from(data, at + _BEAT.size)
    return LoopState(_text(name), due_at, beat_at, begun_at, _text(awaits), _text(fault), since)


def _text(data: bytes) -> str:
    return data.rstrip(b"\0").decode(errors="replace")


# -- for the thread of a loop -------------------------------------------------------------------


def current_heartbeat() -> Heartbeat | None:
    """That of the loop of this thread, if it has one."""
    heartbeat: Heartbeat | None = getattr(_local, "heartbeat", None)
    return heartbeat


def set_current_heartbeat(heartbeat: Heartbeat | None) -> None:
    """Make it that of the loop of this thread."""
    _local.heartbeat = heartbeat


def beat(seconds: float = BEAT_SECONDS_MAX) -> None:
    """Beat for the loop of this thread, if it has one. The next one is due within this time."""
    if (heartbeat := current_heartbeat()) is not None:
        heartbeat.beat(seconds)


def watched_poll(waiting: poll, seconds_max: float | None) -> bool:
    """Poll for a time (None: for ever), with heartbeats. Returns whether anything is ready."""
    if current_heartbeat() is None:
        return bool(waiting.poll(None if seconds_max is None else max(seconds_max, 0) * 1000))
    end = inf if seconds_max is None else monotonic() + max(seconds_max, 0)
    while True:
        beat()
        rest = max(end - monotonic(), 0)
        if waiting.poll(min(rest, SLICE_SECONDS) * 1000):
            return True
        if rest <= SLICE_SECONDS:
            return False


@contextmanager
def awaiting(what: str) -> Iterator[None]:
    """While a server is waited for: "the database", "the broker"."""
    heartbeat = current_heartbeat()
    if heartbeat is None:
        yield
        return
    before = heartbeat.await_server(what)
    try:
        yield
    finally:
        heartbeat.await_server(before)
