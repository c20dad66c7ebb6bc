"""The memory of the processes of the authority."""

import re
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.authority import Authority
from benchmarks.usage import read_processes

_FIELD = re.compile(r"^(\w+):\s+(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True)
class Memory:
    """Of one process, in MiB."""

    peak: float
    """The largest resident size so far."""
    resident: float
    private: float
    """What it shares with no other process."""

    def as_json(self) -> dict[str, float]:
        return asdict(self)


def parse_fields(text: str) -> dict[str, int]:
    """The sizes in /proc/PID/status or smaps_rollup, in kB."""
    return {name: int(size) for name, size in _FIELD.findall(text)}


def read_memory(pid: int) -> Memory:
    """The memory of a process."""
    folder = Path("/proc", str(pid))
    status = parse_fields((folder / "status").read_text())
    rollup = parse_fields((folder / "smaps_rollup").read_text())
    private = rollup["Private_Clean"] + rollup["Private_Dirty"]
    return Memory(status["VmHWM"] / 1024, status["VmRSS"] / 1024, private / 1024)


def read_all(authority: Authority) -> dict[str, Memory]:
    """The memory of each worker process. The children of a process have numbers."""
    processes = read_processes()
    found: dict[str, Memory] = {}
    for name, process in authority.processes.items():
        found[name] = read_memory(process.pid)
        children = [p.pid for p in processes.values() if p.parent_pid == process.pid]
        for number, pid in enumerate(sorted(children), start=1):
            found[f"{name} {number}"] = read_memory(pid)
    return found
