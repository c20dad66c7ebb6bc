"""Whether the container is alive, and whether it is ready."""

from collections.abc import Callable
from enum import StrEnum
from time import time
from typing import Final

import psycopg

from swpt_accounts.db.connection import connect
from swpt_accounts.db.errors import one_line
from swpt_accounts.exporter.container_command import (
    CONSOLE,
    check_console,
    check_services,
    check_web,
    container_command,
    has_web_server,
    worker_of,
)
from swpt_accounts.exporter.liveness import Problem, living_processes, stuck_loops, waiting_loops
from swpt_accounts.observability.heartbeat import Process
from swpt_accounts.settings import Settings, SettingsError

PROBLEMS_COUNT_MAX: Final = 50


class Question(StrEnum):
    """`live`: it makes progress, or rightly waits. `ready`: it has what it needs, too."""

    LIVE = "live"
    READY = "ready"


def check(
    settings: Settings,
    question: Question,
    find_command: Callable[[], str] = container_command,
) -> list[Problem]:
    """What is wrong; nothing: all is well. Asks no server for `live`."""
    problems = check_live(settings, find_command)
    if question == Question.READY:
        problems += check_needs(settings, find_command)
    return problems[:PROBLEMS_COUNT_MAX]


def check_live(
    settings: Settings, find_command: Callable[[], str] = container_command
) -> list[Problem]:
    """Who is not alive."""
    processes = living_processes(settings.state_dir)
    return [*stuck_loops(processes), *_missing(settings, find_command(), processes)]


def check_needs(
    settings: Settings, find_command: Callable[[], str] = container_command
) -> list[Problem]:
    """What those lack who are alive."""
    lacking = waiting_loops(living_processes(settings.state_dir))
    return [*lacking, *_database(settings, find_command())]


def _missing(settings: Settings, command: str, processes: list[Process]) -> list[Problem]:
    """What should be there, and is not."""
    problems: list[Problem] = []
    if command == "all":
        problems += check_services()
    if has_web_server(command, settings.webserver_processes):
        problems += check_web(settings.webserver_port)
    if command == CONSOLE:
        problems += check_console(settings.console_port)
    worker = worker_of(command)
    if worker is not None and worker not in {process.command for process in processes}:
        what = f"no process gives signs of life in {settings.state_dir!r}"
        problems.append(Problem(worker, what, time()))
    return problems


def _database(settings: Settings, command: str) -> list[Problem]:
    """What the web server lacks: it connects when it is asked, and says nothing by itself."""
    if not has_web_server(command, settings.webserver_processes):
        return []
    started_at = time()
    try:
        connect(settings, "healthcheck", is_read_only=True).close()
    except SettingsError as error:
        return [Problem("webserver", f"waits for the database: {error}", started_at)]
    except psycopg.Error as error:
        return [Problem("webserver", f"waits for the database: {one_line(error)}", started_at)]
    return []
