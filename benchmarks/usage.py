"""The CPU time and the memory of everything that works for the authority."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from glob import glob
from pathlib import Path
from types import MappingProxyType

from agentkit.authority import WEBSERVER
from agentkit.database import APPLICATION_NAME
from benchmarks.authority import Authority

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

ROLES = {
    "consume_messages": "consumer",
    "process_transfer_requests": "preparing stage",
    "process_finalization_requests": "finalizing stage",
    "process_balance_changes": "balance changes stage",
    "flush_messages": "flusher",
    "scan_accounts": "scans",
    "scan_prepared_transfers": "scans",
    "scan_registered_balance_changes": "scans",
    "consume_chore_messages": "chores",
    WEBSERVER: "web",
}
DRIVER, POSTGRES, BROKER = "driver", "PostgreSQL", "broker"
BROKER_NAME, POSTGRES_NAME = "beam.smp", "postgres"
NOBODY = 0
STOMP_SERVER, STOMP_CLIENT = "STOMP server", "STOMP client"
PEER = "the peer's STOMP programs"
ALL_ROLES = (*dict.fromkeys(ROLES.values()), POSTGRES, BROKER, DRIVER)


@dataclass(frozen=True)
class Process:
    """What /proc tells of a process. The times are in seconds."""

    pid: int
    parent_pid: int
    own_seconds: float
    reaped_seconds: float
    """Of the children that have ended."""
    name: str


def parse_stat(line: str) -> Process:
    """A line of /proc/PID/stat. The name in it may contain anything."""
    fields = line[line.rindex(")") + 2 :].split()
    user, system, children_user, children_system = (int(f) for f in fields[11:15])
    return Process(
        int(line[: line.index(" ")]),
        int(fields[1]),
        (user + system) / _TICKS_PER_SECOND,
        (children_user + children_system) / _TICKS_PER_SECOND,
        line[line.index("(") + 1 : line.rindex(")")],
    )


def read_processes() -> dict[int, Process]:
    """All processes of this machine."""
    processes = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                process = parse_stat(Path("/proc", name, "stat").read_text())
            except (FileNotFoundError, ProcessLookupError):
                continue
            processes[process.pid] = process
    return processes


def tree(processes: dict[int, Process], pid: int) -> list[int]:
    """A process, its children, and theirs; none, if it has ended."""
    if pid not in processes:
        return []
    children = sorted(p.pid for p in processes.values() if p.parent_pid == pid)
    return [pid, *(found for child in children for found in tree(processes, child))]


def tree_seconds(processes: dict[int, Process], pid: int) -> float:
    """The CPU time of a process, of its children, and of theirs; also of those that have ended."""
    found = [processes[pid] for pid in tree(processes, pid)]
    return sum((p.own_seconds + p.reaped_seconds for p in found), 0.0)


Queued = dict[str, float]
"""Of each thread of this machine: for how many seconds it could run, and had no core."""


def read_queued() -> Queued:
    """The times up to now."""
    found = {}
    for path in glob("/proc/[0-9]*/task/*/schedstat"):
        try:
            found[path] = int(Path(path).read_text().split()[1]) / 1e9
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def queued_between(before: Queued, after: Queued) -> float:
    """All those times between two samples, of the threads that were there in both."""
    return sum(seconds - before[path] for path, seconds in after.items() if path in before)


def machine_seconds(line: str) -> tuple[float, float]:
    """The first line of /proc/stat: the CPU time that was used, and that which was stolen."""
    user, nice, system, _idle, _iowait, irq, softirq, steal = (
        int(f) / _TICKS_PER_SECOND for f in line.split()[1:9]
    )
    return user + nice + system + irq + softirq, steal


@dataclass
class Sample:
    """CPU seconds since the beginning of time, by role."""

    roles: dict[str, float]
    backends: dict[str, float]
    """Those of PostgreSQL's processes for this authority, by the name of the connection."""
    foreign: dict[int, float]
    """Those of PostgreSQL's processes for others, by process."""
    busy: float
    stolen: float


@dataclass
class Usage:
    """CPU seconds between two samples."""

    roles: dict[str, float] = field(default_factory=dict)
    backends: dict[str, float] = field(default_factory=dict)
    others: float = 0.0
    """What everything else on this machine has used meanwhile."""
    stolen: float = 0.0

    @property
    def total(self) -> float:
        """Of everything but the driver, and what the peer runs."""
        return sum(s for role, s in self.roles.items() if role not in (DRIVER, PEER))


class Meter:
    """Takes samples of the authorities that work side by side."""

    def __init__(self, *authorities: Authority) -> None:
        self._addresses = authorities[0].addresses
        self._authorities = authorities
        self._databases = {authority.database.name for authority in authorities}
        broker_pid = self._addresses.broker_pid()
        with self._addresses.connect() as connection:
            processes = read_processes()
            backend = processes.get(connection.info.backend_pid)
        broker = processes.get(broker_pid)
        self._broker_pid = broker.pid if broker and broker.name == BROKER_NAME else NOBODY
        self._postmaster_pid = (
            backend.parent_pid if backend and backend.name == POSTGRES_NAME else NOBODY
        )

    @property
    def sees_servers(self) -> bool:
        """Whether their processes are among those of this machine, with the numbers they know."""
        return NOBODY not in (self._broker_pid, self._postmaster_pid)

    def sample(
        self,
        driver_pids: Iterable[int] = (),
        programs: Mapping[str, Iterable[int]] = MappingProxyType({}),
    ) -> Sample:
        """The CPU times at this moment, also of other programs, by their roles."""
        with self._addresses.connect() as connection:
            rows = connection.execute(
                "SELECT pid, datname, application_name FROM pg_stat_activity"
                " WHERE datname IS NOT NULL"
            ).fetchall()
            processes = read_processes()
        busy, stolen = machine_seconds(Path("/proc/stat").read_text().splitlines()[0])
        roles = dict.fromkeys(ALL_ROLES, 0.0)
        for authority in self._authorities:
            for name, process in authority.processes.items():
                role = ROLES.get(name.partition(" ")[0], name)
                roles[role] = roles.get(role, 0.0) + tree_seconds(processes, process.pid)
        for role, pids in {**programs, DRIVER: driver_pids}.items():
            roles[role] = sum(tree_seconds(processes, pid) for pid in pids)
        roles[POSTGRES] = tree_seconds(processes, self._postmaster_pid)
        roles[BROKER] = tree_seconds(processes, self._broker_pid)
        backends: dict[str, float] = {}
        foreign: dict[int, float] = {}
        for pid, database, name in rows:
            seconds = tree_seconds(processes, pid)
            if database not in self._databases or name == APPLICATION_NAME:
                foreign[pid] = seconds
            else:
                key = name.removeprefix("swpt_accounts ") or "webserver"
                backends[key] = backends.get(key, 0.0) + seconds
        return Sample(roles, backends, foreign, busy, stolen)


def difference(before: Sample, after: Sample) -> Usage:
    """What was used between two samples."""
    foreign = sum(s - before.foreign.get(pid, 0.0) for pid, s in after.foreign.items())
    roles = {role: after.roles[role] - before.roles[role] for role in after.roles}
    roles[POSTGRES] -= foreign
    backends = {n: s - before.backends.get(n, 0.0) for n, s in after.backends.items()}
    ours = sum(roles.values())
    return Usage(
        roles, backends, max(after.busy - before.busy - ours, 0.0), after.stolen - before.stolen
    )
