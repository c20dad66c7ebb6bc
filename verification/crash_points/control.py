"""What a worker is told, and what it tells: two files, which outlive it."""

import mmap
import os
import signal
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SIZE: Final = 1024
_IDLE, _RECORDING, _DEADLY, _DYING = range(4)
DEATH: Final = "! "
STRAY: Final = "? "


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """Where a worker can die: before, in or after a step, about something."""

    site: str
    phase: str
    subject: str = ""
    """A procedure, a table or a type of message; may be empty."""

    def __str__(self) -> str:
        return f"{self.site} | {self.phase} | {self.subject}"

    @classmethod
    def parse(cls, text: str) -> "Point":
        return cls(*text.split(" | "))


@dataclass(frozen=True, slots=True)
class Crossing:
    """A worker comes by at a site: at several points, if the step is about several things."""

    site: str
    phase: str
    subjects: tuple[str, ...]

    def is_at(self, point: Point) -> bool:
        return (self.site, self.phase) == (
            point.site,
            point.phase,
        ) and point.subject in self.subjects

    @property
    def points(self) -> list[Point]:
        return [Point(self.site, self.phase, subject) for subject in self.subjects]

    def __str__(self) -> str:
        return f"{self.site} | {self.phase} | {','.join(self.subjects)}"

    @classmethod
    def parse(cls, text: str) -> "Crossing":
        site, phase, subjects = text.split(" | ")
        return cls(site, phase, tuple(subjects.split(",")))


class Control:
    """The first file says where the worker has to die, and can be changed while it runs. The second
    has the steps that it has taken since then, one a line.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._journal_path = folder / f"{name}.steps"
        self._journal = os.open(self._journal_path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        file = os.open(folder / f"{name}.control", os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(file, _SIZE)
        self._memory = mmap.mmap(file, _SIZE)
        os.close(file)
        self._lock = threading.Lock()

    # -- for the test -------------------------------------------------------------

    def record(self) -> None:
        """Let the steps be noted from now on."""
        os.truncate(self._journal, 0)
        self._memory[0] = _RECORDING

    def arm(self, point: Point, number: int) -> None:
        """Let the worker die when it comes by for that time, from now on. What it does is noted."""
        text = str(point).encode()
        assert len(text) < _SIZE - 8
        self._memory[0] = _IDLE
        os.truncate(self._journal, 0)
        self._memory[1:] = (bytes([number]) + text).ljust(_SIZE - 1, b"\0")
        self._memory[0] = _DEADLY

    def disarm(self) -> None:
        """Let the worker live, and note nothing but strays."""
        self._memory[0] = _IDLE
        self._memory[1] = 0

    def stand_down(self) -> None:
        """The same, unless it is dying already."""
        if not self.is_dying:
            self.disarm()

    @property
    def is_dying(self) -> bool:
        """Whether the worker was told to die, and has come by there."""
        return self._memory[0] == _DYING

    @property
    def death(self) -> "Crossing | None":
        """Where it has died."""
        last = self.lines[-1:]
        if not self.is_dying or not last or not last[0].startswith(DEATH):
            return None
        return Crossing.parse(last[0].removeprefix(DEATH))

    @property
    def lines(self) -> list[str]:
        """What the worker has noted: crossings, deaths, and strays."""
        return self._journal_path.read_text().splitlines()

    def close(self) -> None:
        self._memory.close()
        os.close(self._journal)

    # -- for the worker -----------------------------------------------------------

    def note(self, line: str) -> None:
        os.write(self._journal, f"{line}\n".encode())

    def cross(self, crossing: Crossing) -> None:
        """Come by at a point; die, if that was said."""
        state = self._memory[0]
        if state in (_IDLE, _DYING):
            return
        self.note(str(crossing))
        if state == _DEADLY:
            with self._lock:
                self._count_down(crossing)

    def _count_down(self, crossing: Crossing) -> None:
        wanted = Point.parse(self._memory[2:].rstrip(b"\0").decode())
        if not crossing.is_at(wanted) or self._memory[0] != _DEADLY:
            return
        self._memory[1] -= 1
        if self._memory[1] == 0:
            self._memory[0] = _DYING
            self.note(f"{DEATH}{crossing}")
            os.kill(os.getpid(), signal.SIGKILL)
