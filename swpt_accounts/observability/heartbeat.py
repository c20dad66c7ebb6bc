"""The signs of life of a process, in a file: a record for each of its loops.

A loop promises when it will give the next sign. One that waits for a server promises nothing: how
long a server is away is not up to it. What a loop lacks is in its record, too, and since when.
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

from swpt_accounts.observability.state_dir import Slot

PROMISE_SECONDS: Final = 30.0
"""A loop that has given no sign for so long is frozen, or stuck."""

SLICE_SECONDS: Final = 10.0
"""How long a wait goes on without a sign."""

LOOPS_COUNT_MAX: Final = 1100
_RECORD_BYTES: Final = 512
_HEADER: Final = struct.Struct("<qqd64s")
_SIGN: Final = struct.Struct("<ddd")
_TEXTS: Final = struct.Struct("<d64s16s384s")
FILE_BYTES: Final = _RECORD_BYTES * (LOOPS_COUNT_MAX + 1)
_NOT_BEGUN: Final = "has not begun to work"

_local = threading.local()


@dataclass(frozen=True, slots=True)
class Loop:
    """What a loop has said. Moments `…_at` are monotonic ones, `fault_since` is one of the clock.

    It `awaits` a server, or "". Its `fault` is what it lacks, or "".
    """

    name: str
    sign_due_at: float
    sign_at: float
    begun_at: float
    awaits: str
    fault: str
    fault_since: float


@dataclass(frozen=True, slots=True)
class Process:
    """What a process has said."""

    slot: int
    pid: int
    command: str
    started_at: float
    loops: tuple[Loop, ...]


class LifeFile:
    """Where this process gives its signs of life."""

    def __init__(self, slot: Slot, command: str) -> None:
        os.ftruncate(slot.fd, 0)
        os.ftruncate(slot.fd, FILE_BYTES)
        self._memory = mmap.mmap(slot.fd, FILE_BYTES)
        self._command = command.encode()[:64]
        self._started_at = time()
        self._count = 0
        self._free: list[int] = []
        self._lock = threading.Lock()
        self._write_header()

    def _write_header(self) -> None:
        header = _HEADER.pack(os.getpid(), self._count, self._started_at, self._command)
        self._memory[: _HEADER.size] = header

    def begin(self, name: str) -> "Life | None":
        """Begin a loop. None if there are too many: they are not watched."""
        with self._lock:
            if self._free:
                number = self._free.pop()
            elif self._count < LOOPS_COUNT_MAX:
                self._count += 1
                number = self._count
            else:
                return None
            life = Life(self._memory, number, name)
            self._write_header()
            return life

    def end(self, life: "Life") -> None:
        """End a loop."""
        with self._lock:
            life.clear()
            self._free.append(life.number)


class Life:
    """The record of a loop. Only its own thread uses it."""

    def __init__(self, memory: mmap.mmap, number: int, name: str) -> None:
        self.number = number
        self._memory = memory
        self._name = name.encode()[:64]
        self._at = number * _RECORD_BYTES
        self._begun_at = monotonic()
        self._awaits = ""
        self._faults: dict[object, tuple[float, str]] = {None: (time(), _NOT_BEGUN)}
        self.sign()
        self._write_texts()

    def sign(self, seconds: float = PROMISE_SECONDS) -> None:
        """Give a sign, and promise the next one."""
        now = monotonic()
        self._memory[self._at : self._at + _SIGN.size] = _SIGN.pack(
            now + seconds, now, self._begun_at
        )

    def await_server(self, what: str) -> str:
        """Promise nothing, while a server is waited for; "": it has answered. Returns what was
        awaited before.
        """
        before, self._awaits = self._awaits, what
        at = self._at + _SIGN.size + 72
        self._memory[at : at + 16] = what.encode().ljust(16, b"\0")
        self.sign(inf if what else PROMISE_SECONDS)
        return before

    def lacks(self, key: object, what: str) -> None:
        """Note what is missing; the `key` says when it is there again."""
        since, _ = self._faults.get(key) or self._faults.pop(None, None) or (time(), "")
        self._faults[key] = since, what
        self._write_texts()

    def has(self, key: object) -> None:
        """Note that what was missing under this key is there. The first time, it begins to work."""
        if self._faults and (key in self._faults or None in self._faults):
            self._faults.pop(key, None)
            self._faults.pop(None, None)
            self._write_texts()

    def _write_texts(self) -> None:
        since, fault = min(self._faults.values(), default=(0.0, ""))
        at = self._at + _SIGN.size
        self._memory[at : at + _TEXTS.size] = _TEXTS.pack(
            since, self._name, self._awaits.encode(), fault.encode()[:384]
        )

    def clear(self) -> None:
        """Say that the loop is over."""
        self._memory[self._at : self._at + _RECORD_BYTES] = b"\0" * _RECORD_BYTES


def read_process(path: Path) -> Process | None:
    """What the process of a slot has said; None if that cannot be read now."""
    with path.open("rb") as file:
        data = file.read(_RECORD_BYTES)
        if len(data) < _RECORD_BYTES:
            return None
        pid, count, started_at, command = _HEADER.unpack_from(data)
        data += file.read(count * _RECORD_BYTES)
    records = (_read_loop(data, number * _RECORD_BYTES) for number in range(1, count + 1))
    loops = tuple(loop for loop in records if loop.name)
    return Process(int(path.name), pid, _text(command), started_at, loops)


def _read_loop(data: bytes, at: int) -> Loop:
    due_at, sign_at, begun_at = _SIGN.unpack_from(data, at)
    since, name, awaits, fault = _TEXTS.unpack_from(data, at + _SIGN.size)
    return Loop(_text(name), due_at, sign_at, begun_at, _text(awaits), _text(fault), since)


def _text(data: bytes) -> str:
    return data.rstrip(b"\0").decode(errors="replace")


# -- for the thread of a loop -------------------------------------------------------------------


def current_life() -> Life | None:
    """The record of the loop of this thread, if it has one."""
    life: Life | None = getattr(_local, "life", None)
    return life


def set_current_life(life: Life | None) -> None:
    """Say that this thread is this loop."""
    _local.life = life


def sign(seconds: float = PROMISE_SECONDS) -> None:
    """Give a sign of life of this thread's loop, if it has one, and promise the next one."""
    life: Life | None = getattr(_local, "life", None)
    if life is not None:
        life.sign(seconds)


def watched_poll(waiting: poll, seconds_max: float | None) -> bool:
    """Poll for a time (None: for ever), with signs of life. Returns whether anything is ready."""
    if current_life() is None:
        return bool(waiting.poll(None if seconds_max is None else max(seconds_max, 0) * 1000))
    end = inf if seconds_max is None else monotonic() + max(seconds_max, 0)
    while True:
        sign()
        rest = max(end - monotonic(), 0)
        if waiting.poll(min(rest, SLICE_SECONDS) * 1000):
            return True
        if rest <= SLICE_SECONDS:
            return False


@contextmanager
def awaiting(what: str) -> Iterator[None]:
    """While a server is waited for: "the database", "the broker"."""
    life: Life | None = getattr(_local, "life", None)
    if life is None:
        yield
        return
    before = life.await_server(what)
    try:
        yield
    finally:
        life.await_server(before)
