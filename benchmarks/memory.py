"""The memory of the processes of the authority."""

import re
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

from agentkit.authority import SERVICES
from benchmarks.authority import Authority
from benchmarks.usage import read_processes, tree

_FIELD = re.compile(r"^(\w+):\s+(\d+) kB$", re.MULTILINE)
_COMM_LENGTH_MAX = 15


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


def tree_pss(pid: int) -> dict[str, float]:
    """What a process, its children, and theirs take, in MiB: of shared pages each its part.

    Several processes of one name have numbers.
    """
    found: dict[str, float] = {}
    for member in tree(read_processes(), pid):
        folder = Path("/proc", str(member))
        try:
            rollup = parse_fields((folder / "smaps_rollup").read_text())
            name = process_name((folder / "cmdline").read_text(), (folder / "comm").read_text())
        except (FileNotFoundError, ProcessLookupError):
            continue
        number = next(n for n in count(1) if _numbered(name, n) not in found)
        found[_numbered(name, number)] = rollup["Pss"] / 1024
    return found


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name} {number}"


def process_name(command_line: str, comm: str) -> str:
    """A name for readers: the command of the program, else a title, else the script or executable.

    `command_line` and `comm` are the contents of the files of that name in /proc/PID. A process
    that has given itself a title shows it in one of them; `comm` has 15 letters at most.
    """
    words, comm = command_line.rstrip("\0\n").split("\0"), comm.strip()
    parts = [part for word in words for part in word.split()]
    commands = [c for c in SERVICES if c in parts or c[:_COMM_LENGTH_MAX] == comm]
    if commands:
        return commands[0]
    if len(words) == 1 and len(parts) > 1:
        return words[0].strip()
    executable, *arguments = (Path(word).name for word in words)
    if executable.startswith("python") and arguments:
        return arguments[0]
    return executable or comm
