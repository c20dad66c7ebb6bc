"""Gives processes cores of their own, or, on a small machine, a part of one."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from benchmarks.usage import read_processes, tree

PERIOD_US: Final = 50_000
"""A process that has had its part of a core waits for the end of this."""
_QUOTA_US_MIN: Final = 1_000
_MOUNTS: Final = (
    Path("/sys/fs/cgroup/cpu"),
    Path("/sys/fs/cgroup/cpu,cpuacct"),
    Path("/sys/fs/cgroup"),
)
APART_MIN: Final = 8
"""With so many cores, each part has some of its own."""


class Unthrottled(Exception):
    """Processes cannot be throttled here."""


class Group:
    """Processes that have together no more than a part of a core. To be closed."""

    def __init__(self, name: str, cores: float) -> None:
        """Raises `Unthrottled` where Linux lets nobody make it: that needs root, and cgroups."""
        self._homes: dict[int, Path] = {}
        mount = next((m for m in _MOUNTS if (m / "cgroup.procs").exists()), None)
        if mount is None:
            raise Unthrottled("there are no cgroups")
        self._mount = mount
        self._folder = self._mount / name
        period = max(PERIOD_US, round(_QUOTA_US_MIN / cores))
        try:
            self._folder.mkdir()
            self._limit(round(cores * period), period)
        except OSError as error:
            self.close()
            raise Unthrottled(f"no cgroup with a limit can be made: {error}") from error

    def _limit(self, quota: int, period: int) -> None:
        limit = self._folder / "cpu.max"
        if limit.exists():
            limit.write_text(f"{quota} {period}")
        else:
            (self._folder / "cpu.cfs_period_us").write_text(f"{period}")
            (self._folder / "cpu.cfs_quota_us").write_text(f"{quota}")

    def add(self, pids: Iterable[int]) -> None:
        """Put processes into it, as they are now, and all that they will start."""
        for pid in pids:
            try:
                self._homes[pid] = self._mount / _path_of(pid)
                (self._folder / "cgroup.procs").write_text(str(pid))
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has ended

    def close(self) -> None:
        """Give everything back what it had."""
        if not self._folder.exists():
            return
        for pid in map(int, (self._folder / "cgroup.procs").read_text().split()):
            with suppress(ProcessLookupError):
                (self._homes.get(pid, self._mount) / "cgroup.procs").write_text(str(pid))
        self._folder.rmdir()


def _path_of(pid: int) -> str:
    """Where a process is among the groups that limit the CPU."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers or "cpu" in controllers.split(","):
            return path.lstrip("/")
    return ""


@contextmanager
def throttled(groups: Sequence[tuple[float, Iterable[int]]]) -> Iterator[None]:
    """Each of some groups of processes has no more than its part of a core."""
    with ExitStack() as open_groups:
        for number, (cores, pids) in enumerate(groups):
            group = Group(f"bench_{os.getpid()}_{number}", cores)
            open_groups.callback(group.close)
            group.add(pids)
        yield


def can_throttle() -> str:
    """Why processes cannot be throttled here; "" if they can."""
    try:
        with throttled([(0.5, ())]):
            return ""
    except Unthrottled as error:
        return str(error)


def layout(cores: Sequence[int]) -> dict[str, set[int]] | None:
    """Which of these cores each part has for itself; None, if there are too few.

    The driver has one; of the rest, the broker has a half, and PostgreSQL a quarter, as they
    need them.
    """
    if len(cores) < APART_MIN:
        return None
    rest = list(cores[1:])
    broker, database = len(rest) // 2, len(rest) // 4
    return {
        "driver": {cores[0]},
        "broker": set(rest[:broker]),
        "PostgreSQL": set(rest[broker : broker + database]),
        "workers": set(rest[broker + database :]),
    }


def pids_by_port() -> dict[int, int]:
    """The process that has a TCP connection of this machine, by its local port."""
    ports = {}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        ports[f"socket:[{fields[9]}]"] = int(fields[1].partition(":")[2], 16)
    found = {}
    for pid in read_processes():
        try:
            for link in Path(f"/proc/{pid}/fd").iterdir():
                if (port := ports.get(os.readlink(link))) is not None:
                    found[port] = pid
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


def pin(pids: Iterable[int], cores: Iterable[int]) -> None:
    """These processes, their children, and all threads of them, run on these cores alone."""
    processes = read_processes()
    for pid in (found for parent in pids for found in tree(processes, parent)):
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                os.sched_setaffinity(int(task), set(cores))
        except (FileNotFoundError, ProcessLookupError):
            continue
