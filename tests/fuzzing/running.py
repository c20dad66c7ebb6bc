"""What a run of `./dev fuzz` may take, and what it says."""

import time
from dataclasses import dataclass, field

from agentkit.processes import ROOT

FOLDER = ROOT / "var" / "fuzz"
PYTHON = FOLDER / "venv" / "bin" / "python"
"""The environment of requirements/fuzz.txt, which `./dev fuzz` makes."""


@dataclass
class Budget:
    """For one part of the program: how many inputs, and for how long."""

    name: str
    inputs_count: int
    seed: int
    seconds_max: float = 1e6
    done_count: int = 0
    _started_at: float = field(default_factory=time.monotonic)

    def seconds_left(self) -> float:
        return max(1.0, self.seconds_max - self.seconds())

    def is_over(self) -> bool:
        return self.seconds() > self.seconds_max

    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._started_at

    def done(self, how: str, count: int, what: str) -> None:
        """So many more inputs have been tried."""
        self.done_count += count
        self.tell(f"{how}: {count} inputs, {what}")

    def tell(self, what: str) -> None:
        print(f"{self.name}, {self.seconds():.0f} s: {what}", flush=True)


def memory_bytes(pid: int | str = "self") -> int:
    """What a process has in memory now."""
    with open(f"/proc/{pid}/status", encoding="ascii") as lines:
        (line,) = (line for line in lines if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024
