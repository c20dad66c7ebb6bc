"""What each part can carry: with one, two and more cores, or processes of a kind."""

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from time import monotonic
from typing import Final

from agentkit.authority import SERVICES
from agentkit.waiting import wait_until
from benchmarks.agents.load import Schedule
from benchmarks.agents.process import Driver
from benchmarks.authority import STOP_SECONDS_MAX, Authority
from benchmarks.bench import Bench, Results, Run
from benchmarks.cpus import can_throttle, layout, pids_by_port, pin, throttled
from benchmarks.scenarios.comparisons import in_turn
from benchmarks.scenarios.transfers import describe
from benchmarks.settings import DEFAULTS, SETTINGS
from benchmarks.usage import BROKER, POSTGRES, ROLES, read_processes, tree

KINDS: Final = (
    *("consume_messages", "flush_messages"),
    *("process_transfer_requests", "process_finalization_requests", "process_balance_changes"),
)
STAGES: Final = dict(
    zip(
        KINDS[2:],
        ("transfer_request", "finalization_request", "pending_balance_change"),
        strict=True,
    )
)
"""The stages, and the tables in which work waits for them."""
PARTS: Final = (*KINDS, POSTGRES, BROKER)
ONE: Final = "one of each"
SEVERAL: Final[dict[str, Sequence[str]]] = {
    ONE: (),
    "two consumers": KINDS[:1],
    "two flushers": KINDS[1:2],
    "two of each stage": KINDS[2:],
    "two of all of these": KINDS,
}
_SHARE: Final = 0.18
"""A part is throttled so that one carries so much of a burst: then all wait for it."""
_CORES_MIN: Final = 0.004
_LOOK_SECONDS: Final = 0.005


class Several(Authority):
    """There may be several processes of a kind."""

    def _is_ready(self, name: str) -> bool:
        self.check_alive(name)
        return super()._is_ready(name.partition(" ")[0])

    def have(self, count: int, kinds: Sequence[str]) -> None:
        """So many processes of these kinds are at work, and one of each other."""
        for kind in KINDS:
            wanted = count if kind in kinds else 1
            while len(self.of(kind)) > wanted:
                self.terminate(self.of(kind)[-1])
            while len(self.of(kind)) < wanted:
                self._start_another(kind)
            wait_until(partial(self._are, kind, wanted), STOP_SECONDS_MAX, f"{wanted} of {kind}")

    def of(self, kind: str) -> list[str]:
        """The services of a kind that are at work."""
        return [name for name in self._wanted if name.partition(" ")[0] == kind]

    def _start_another(self, kind: str) -> None:
        name = f"{kind} {len(self.of(kind)) + 1}"
        self.services.setdefault(name, self._service(name, self.services[kind].command))
        self.start(name)

    def _are(self, kind: str, count: int) -> bool:
        if not SERVICES[kind]:
            return self.broker.consumers_count(self.queue) == count
        statement = (
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
            " AND datname = current_database()"
        )
        return self.query(statement, f"swpt_accounts {kind}") == [(count,)]

    def groups(self, kind: str) -> list[list[int]]:
        """Each process of a kind, with what PostgreSQL has for it."""
        rows = self.query(
            "SELECT client_port, pid FROM pg_stat_activity WHERE datname = current_database()"
        )
        processes = read_processes()
        sessions: dict[int, list[int]] = {}
        owners = pids_by_port()
        for port, session in rows:
            sessions.setdefault(owners.get(port, 0), []).append(session)
        found = [tree(processes, self.processes[name].pid) for name in self.of(kind)]
        return [[*pids, *(s for pid in pids for s in sessions.get(pid, ()))] for pids in found]


def cores(bench: Bench) -> Results:
    """The throughput, and the CPU time of a transfer, with one and two processes of a kind; and
    with one to four consumers, flushers, and cores of each server, while nothing else is the
    limit. Stages work off what waits for them, while all else is halted: a batch is too large to
    be shared otherwise.

    Where there are many cores, the driver, the servers and the workers have some of their own.
    Elsewhere what is measured has small cores: Linux lets it run for a part of the time alone.
    """
    placed = layout(sorted(os.sched_getaffinity(0)))
    if placed is None and (problem := can_throttle()):
        bench.say(f"the parts are not measured: {problem}")
    bench.world()
    folder = bench.authority.folder / "cores"
    several = Several(bench.addresses, folder, SETTINGS[DEFAULTS])
    with bench.replaced(several):
        measured = _Measurement(bench, several, placed)
        runs = [measured.run(number) for number in range(bench.runs_count)]
    return {"is_apart": placed is not None, "runs": runs}


class _Measurement:
    def __init__(
        self, bench: Bench, authority: Several, placed: dict[str, set[int]] | None
    ) -> None:
        self._bench = bench
        self._authority = authority
        self._placed = placed
        self._cores = os.sched_getaffinity(0)
        with bench.addresses.connect() as connection:
            postmaster = read_processes()[connection.info.backend_pid].parent_pid
        self._servers = {POSTGRES: postmaster, BROKER: bench.addresses.broker_pid()}

    def run(self, number: int) -> Results:
        several = {name: self._several(name) for name in in_turn(list(SEVERAL), number)}
        one = several[ONE]
        parts: Results = {}
        if self._placed is not None or not can_throttle():
            parts = {part: self._part(part, one) for part in PARTS}
        self._authority.have(1, ())
        measured = [*several.values(), *(point for part in parts.values() for point in part)]
        return {
            "several": several,
            "parts": parts,
            "problems": [problem for one in measured for problem in one["problems"]],
        }

    def _several(self, name: str) -> Results:
        self._authority.have(2, SEVERAL[name])
        self._transfers(self._bench.sizes.warm_up_count)
        run = self._transfers(self._bench.sizes.burst_count)
        self._bench.say(f"{name}: {describe(run)}")
        return _as_json(run)

    def _part(self, part: str, one: Results) -> list[Results]:
        """A part, with one core and more."""
        if part in STAGES:
            return [self._backlog(part, count) for count in self._counts(part)]
        role = ROLES.get(part, part)
        cost = one["cpu_ms"][role] + one["postgresql_ms"].get(part, 0.0)
        core = max(_SHARE * one["per_second"] * cost / 1000, _CORES_MIN)
        return [self._point(part, count, core) for count in self._counts(part)]

    def _counts(self, part: str) -> range:
        most = self._bench.sizes.cores_most
        if part in STAGES:
            most = min(most, len(self._placed["workers"] if self._placed else self._cores))
        elif self._placed is not None and part in self._servers:
            most = min(most, len(self._placed[part]))
        return range(1, most + 1)

    def _backlog(self, stage: str, count: int) -> Results:
        """How quickly so many of a stage work off a burst that waits for them, alone."""
        authority, total = self._authority, self._bench.sizes.burst_count
        authority.have(count, [stage])
        self._transfers(self._bench.sizes.warm_up_count)
        seconds = 0.0

        def work_off(driver: Driver) -> None:
            nonlocal seconds
            self._place(driver)
            rows = partial(authority.query, f"SELECT count(*) FROM {STAGES[stage]}")
            wait_until(lambda: rows() == [(total,)], self._bench.sizes.timeout_seconds, "a backlog")
            with ExitStack() as others:
                for name in authority.processes.keys() - set(halted):
                    others.enter_context(authority.halted(name))
                started_at = monotonic()
                for go_on in halted.values():
                    go_on()
                wait_until(
                    lambda: rows() == [(0,)],
                    self._bench.sizes.timeout_seconds,
                    f"{stage} is done",
                    _LOOK_SECONDS,
                )
                seconds = monotonic() - started_at

        with ExitStack() as stack:
            halted = {n: stack.enter_context(authority.halted(n)) for n in authority.of(stage)}
            load = self._bench.transfers(self._bench.world(), "uniform", Schedule(total))
            run = self._bench.run(load, work_off)
        self._bench.say(f"{count} x {stage}: {total / seconds:,.0f} a second of a backlog")
        found = {"n": count, "core": 1.0, "count": total, "per_second": total / seconds}
        return {**found, "problems": run.problems}

    def _point(self, part: str, count: int, core: float) -> Results:
        self._authority.have(count, [part])
        self._transfers(self._bench.sizes.warm_up_count)
        with self._limited(part, count, core):
            run = self._transfers(self._bench.sizes.cores_transfers)
        self._bench.say(f"{count} x {part}: {describe(run)}")
        size = 1.0 if self._placed is not None else core
        return {"n": count, "core": size, **_as_json(run)}

    def _limited(self, part: str, count: int, core: float) -> AbstractContextManager[None]:
        if self._placed is not None:
            return self._pinned(part, count) if part in self._servers else nullcontext()
        if part in self._servers:
            pids = tree(read_processes(), self._servers[part])
            return throttled([(count * core, pids)])
        return throttled([(core, pids) for pids in self._authority.groups(part)])

    @contextmanager
    def _pinned(self, server: str, count: int) -> Iterator[None]:
        assert self._placed is not None
        cpus = self._placed[server]
        pin([self._servers[server]], sorted(cpus)[:count])
        try:
            yield
        finally:
            pin([self._servers[server]], cpus)

    def _transfers(self, count: int) -> Run:
        load = self._bench.transfers(self._bench.world(), "uniform", Schedule(count))
        return self._bench.run(load, self._place)

    def _place(self, driver: Driver) -> None:
        """Everything on cores of its own, if there are enough. What a server starts later gets
        the cores of its parent.
        """
        if self._placed is None:
            return
        pin([driver.pid], self._placed["driver"])
        workers = [process.pid for process in self._authority.processes.values()]
        pin(workers, self._placed["workers"])


def _as_json(run: Run) -> Results:
    found = run.as_json()
    wanted = ("count", "per_second", "cpu_ms", "cpu_ms_total", "postgresql_ms", "problems")
    return {name: found[name] for name in wanted}
