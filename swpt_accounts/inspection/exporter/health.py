"""Whether the container is live, and whether it is ready."""

from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from time import monotonic, time
from typing import Final

import psycopg

from swpt_accounts.core.formatting import plural
from swpt_accounts.db.connection import connect
from swpt_accounts.db.errors import one_line
from swpt_accounts.inspection.exporter.container_command import (
    CONSOLE,
    check_console,
    check_services,
    check_web,
    container_command,
    has_heartbeats,
    has_web_server,
    worker_of_command,
)
from swpt_accounts.observability.heartbeat import ProcessState
from swpt_accounts.observability.liveness import (
    HealthProblem,
    degraded_loops,
    living_processes,
    living_slots,
    stuck_loops,
)
from swpt_accounts.observability.metrics.recorder import report_healthy
from swpt_accounts.observability.worker_names import EXPORTER
from swpt_accounts.settings import Settings, SettingsError
from swpt_accounts.workers.shutdown import ShutdownEvent

PROBLEMS_COUNT_MAX: Final = 50
CHECK_SECONDS: Final = 5.0
AGE_SECONDS_MAX: Final = 40.0


class Probe(StrEnum):
    """`live`: it makes progress, or rightly waits. `ready`: it can use all that it needs, too."""

    LIVE = "live"
    READY = "ready"


def check(
    settings: Settings, probe: Probe, find_command: Callable[[], str] = container_command
) -> list[HealthProblem]:
    """What is wrong. Asks no server for `live`."""
    problems = check_live(settings, find_command)
    if probe == Probe.READY:
        problems += check_ready(settings, find_command)
    return problems[:PROBLEMS_COUNT_MAX]


def describe(settings: Settings, problems: list[HealthProblem]) -> list[str]:
    """The answer of a probe, in lines."""
    if problems:
        return [str(problem) for problem in problems]
    count = len(living_slots(settings.state_dir))
    return [f"ok: {plural(count, 'process', 'processes')} checked" if count else "ok"]


def check_live(
    settings: Settings, find_command: Callable[[], str] = container_command
) -> list[HealthProblem]:
    """What is missing or stuck."""
    processes = living_processes(settings.state_dir)
    return [*stuck_loops(processes), *_missing(settings, find_command(), processes)]


def check_ready(
    settings: Settings, find_command: Callable[[], str] = container_command
) -> list[HealthProblem]:
    """What those who are alive cannot use."""
    degraded = degraded_loops(living_processes(settings.state_dir))
    has_web = has_web_server(find_command(), settings.webserver_processes)
    return [*degraded, *(_database(settings) if has_web else ())]


def _missing(
    settings: Settings, command: str, processes: list[ProcessState]
) -> list[HealthProblem]:
    problems: list[HealthProblem] = []
    if command == "all":
        problems += check_services()
    if has_web_server(command, settings.webserver_processes):
        problems += check_web(settings.webserver_port)
    if command == CONSOLE:
        problems += check_console(settings.console_place)
    if not problems and has_heartbeats(command):
        worker = worker_of_command(command)
        names = {process.command for process in processes}
        if not names or (worker is not None and worker not in names):
            what = f"down: no process has a heartbeat in {settings.state_dir!r} (STATE_DIR)"
            problems.append(HealthProblem(worker or "swpt_accounts", what, time()))
    return problems


def check_web_server(settings: Settings) -> list[HealthProblem]:
    """What is wrong with the web server, if one must answer here."""
    return [*check_web(settings.webserver_port), *_database(settings)]


def _database(settings: Settings) -> list[HealthProblem]:
    """What the web server cannot use: it connects when it is asked, and reports nothing itself."""
    started_at = time()
    try:
        connect(settings, "healthcheck", is_read_only=True, is_for_peers=True).close()
    except (SettingsError, psycopg.Error) as error:
        what = f"waiting for the database: {one_line(error)}"
        return [HealthProblem("webserver", what, started_at)]
    return []


class HealthPoller:
    """Checks the health from time to time in a thread, so that no probe has to wait."""

    name = EXPORTER

    def __init__(self, settings: Settings, stop: ShutdownEvent) -> None:
        self.settings = settings
        self._stop = stop
        self._checked_at = monotonic()
        self._since: dict[tuple[str, str], float] = {}
        unknown = [HealthProblem(EXPORTER, "no check has been made yet", time())]
        self._problems = dict.fromkeys(Probe, unknown)

    def run(self) -> None:
        """Check until the stop."""
        while not self._stop.is_requested():
            live = check_live(self.settings)[:PROBLEMS_COUNT_MAX]
            ready = [*live, *check_ready(self.settings)][:PROBLEMS_COUNT_MAX]
            known = {(problem.subject, problem.kind) for problem in ready}
            self._since = {key: at for key, at in self._since.items() if key in known}
            self._problems = {
                Probe.LIVE: [self._first_seen(problem) for problem in live],
                Probe.READY: [self._first_seen(problem) for problem in ready],
            }
            self._checked_at = monotonic()
            report_healthy()
            self._stop.wait(CHECK_SECONDS)

    def _first_seen(self, problem: HealthProblem) -> HealthProblem:
        """The problem, since when it was first seen."""
        since = self._since.setdefault((problem.subject, problem.kind), problem.since)
        return replace(problem, since=min(since, problem.since))

    def problems(self, probe: Probe) -> list[HealthProblem]:
        """What the last check has found."""
        seconds = monotonic() - self._checked_at
        if seconds > AGE_SECONDS_MAX:
            return [HealthProblem(EXPORTER, f"no check for {seconds:.0f} s", time() - seconds)]
        return self._problems[probe]
