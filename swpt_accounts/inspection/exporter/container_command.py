"""The command that the container was started for, and whether its services answer."""

import os
import urllib.error
import urllib.request
import xmlrpc.client
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from tempfile import gettempdir
from time import time
from typing import Any, Final

from supervisor.xmlrpc import SupervisorTransport

from swpt_accounts.observability.liveness import HealthProblem
from swpt_accounts.observability.worker_names import EXPORTER, FLUSHER, WORKERS

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
    """What is wrong with the web server."""
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
