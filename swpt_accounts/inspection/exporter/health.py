"""Whether the container is live, and whether it is ready, by the command that it runs."""

import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path
from tempfile import gettempdir
from time import monotonic, time
from typing import Any, Final

import psycopg

from swpt_accounts.core.formatting import plural
from swpt_accounts.db.connection import connect
from swpt_accounts.db.errors import one_line
from swpt_accounts.observability.heartbeat import ProcessState
from swpt_accounts.observability.liveness import (
    HealthProblem,
    degraded_loops,
    living_processes,
    living_slots,
    stuck_loops,
)
from swpt_accounts.observability.metrics.recorder import report_healthy
from swpt_accounts.observability.worker_names import EXPORTER, FLUSHER, WORKERS
from swpt_accounts.settings import Settings, SettingsError
from swpt_accounts.workers.shutdown import ShutdownEvent

TIMEOUT_SECONDS: Final = 4
CONSOLE: Final = "console"
_STATES_OK: Final = ("RUNNING", "STARTING", "STOPPED")
_DEVELOPMENT_SERVER: Final = "develop-run-flask"


def container_command() -> str:
    """The command that the entrypoint was given, by the command line of process 1; or ""."""
    text = Path("/proc/1/cmdline").read_text(errors="replace")
    return find_command([word for word in text.split("\0") if word])


def find_command(words: list[str]) -> str:
    """The command that the entrypoint was given, in a command line."""
    for i, word in enumerate(words):
        if word.endswith("entrypoint.sh"):
            return next(iter(words[i + 1 :]), "all")
    return "all" if any("swpt_accounts.cli.supervisor" in word for word in words) else ""


def worker_of_command(command: str) -> str | None:
    """The worker that must run in a container with this command; None if there is none."""
    name = FLUSHER if command.startswith("flush_") else command
    return name if name in (*WORKERS, EXPORTER) else None


def has_heartbeats(command: str) -> bool:
    """Whether a process must record heartbeats in a container with this command, or in one whose
    command is not known: neither the console does, nor a command that ends by itself.
    """
    return command in ("", "all", "webserver") or worker_of_command(command) is not None


def has_web_server(command: str, processes_count: int) -> bool:
    """Whether the fetch API must answer."""
    return command == _DEVELOPMENT_SERVER or (
        command in ("webserver", "all") and processes_count > 0
    )


def check_web(port: int) -> Iterator[HealthProblem]:
    return _check_url("webserver", f"http://127.0.0.1:{port}/accounts/healthz")


def check_console(place: str) -> Iterator[HealthProblem]:
    """What is wrong with the console, which refuses those who have no token."""
    return _check_url(CONSOLE, f"http://{place}/sign-in.css", HTTPStatus.UNAUTHORIZED)


def _check_url(subject: str, url: str, status: int | None = None) -> Iterator[HealthProblem]:
    """The problem of a server that answers neither with success, nor with this status."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    started_at = time()
    try:
        opener.open(url, timeout=TIMEOUT_SECONDS).close()
    except OSError as error:
        if not (isinstance(error, urllib.error.HTTPError) and error.code == status):
            yield HealthProblem(subject, f"{url}: {error}", started_at)


def check_services() -> Iterator[HealthProblem]:
    """The services of the supervisor that are not up."""
    # Only the container that has all of them has a supervisor.
    import xmlrpc.client

    from supervisor.xmlrpc import SupervisorTransport

    folder = Path(os.environ.get("SUPERVISOR_DIR") or Path(gettempdir(), "swpt_accounts"))
    transport = SupervisorTransport("", "", f"unix://{folder}/supervisor.sock")
    started_at = time()
    try:
        transport.username, transport.password = "swpt", (folder / "password").read_text()
        proxy = xmlrpc.client.ServerProxy("http://localhost", transport)
        services: Any = proxy.supervisor.getAllProcessInfo()
    except (OSError, xmlrpc.client.Error) as error:
        yield HealthProblem("supervisor", f"does not answer: {error}", started_at)
        return
    finally:
        transport.close()
    for service in services:
        if service["statename"] not in _STATES_OK:
            yield HealthProblem(service["name"], service["statename"], service["stop"])


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

    def __init__(self, settings: Settings, shutdown: ShutdownEvent) -> None:
        self.settings = settings
        self._shutdown = shutdown
        self._checked_at = monotonic()
        self._since: dict[tuple[str, str], float] = {}
        unknown = [HealthProblem(EXPORTER, "no check has been made yet", time())]
        self._problems = dict.fromkeys(Probe, unknown)

    def run(self) -> None:
        while not self._shutdown.is_requested():
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
            self._shutdown.wait(CHECK_SECONDS)

    def _first_seen(self, problem: HealthProblem) -> HealthProblem:
        """The problem, since when it was first seen."""
        since = self._since.setdefault((problem.subject, problem.kind), problem.since)
        return replace(problem, since=min(since, problem.since))

    def problems(self, probe: Probe) -> list[HealthProblem]:
        seconds = monotonic() - self._checked_at
        if seconds > AGE_SECONDS_MAX:
            return [HealthProblem(EXPORTER, f"no check for {seconds:.0f} s", time() - seconds)]
        return self._problems[probe]
