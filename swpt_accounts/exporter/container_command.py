"""What a container was started for, and what must be alive in it."""

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

from swpt_accounts.exporter.liveness import Problem

TIMEOUT_SECONDS: Final = 4
WELL: Final = ("RUNNING", "STARTING", "STOPPED")
CONSOLE: Final = "console"
_DEVELOPMENT_SERVER: Final = "develop-run-flask"
_FLUSHER: Final = "flush_messages"
WORKERS: Final = frozenset(
    {
        *("consume_messages", "consume_chore_messages", "process_transfer_requests"),
        *("process_finalization_requests", "process_balance_changes", _FLUSHER),
        *("scan_accounts", "scan_prepared_transfers", "scan_registered_balance_changes"),
        "serve_metrics",
    }
)
"""The commands that run until they are stopped, and give signs of life."""


def container_command() -> str:
    """The command that the entrypoint was given, by the command line of process 1; or ""."""
    text = Path("/proc/1/cmdline").read_text(errors="replace")
    return find_command([word for word in text.split("\0") if word])


def find_command(words: list[str]) -> str:
    """The command that the entrypoint was given, in a command line."""
    for i, word in enumerate(words):
        if word.endswith("entrypoint.sh"):
            return next(iter(words[i + 1 :]), "all")
    return "all" if any("swpt_accounts.supervisor" in word for word in words) else ""


def worker_of(command: str) -> str | None:
    """The command of the program that a command of the container runs until it is stopped."""
    name = _FLUSHER if command.startswith("flush_") else command
    return name if name in WORKERS else None


def has_web_server(command: str, processes_count: int) -> bool:
    """Whether the fetch API must answer."""
    return command == _DEVELOPMENT_SERVER or (
        command in ("webserver", "all") and processes_count > 0
    )


def check_web(port: int) -> Iterator[Problem]:
    """What is wrong with the web server."""
    url = f"http://127.0.0.1:{port}/accounts/healthz"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    started_at = time()
    try:
        opener.open(url, timeout=TIMEOUT_SECONDS).close()
    except (urllib.error.URLError, OSError) as error:
        yield Problem("webserver", f"{url}: {error}", started_at)


def check_console(port: int) -> Iterator[Problem]:
    """What is wrong with the console, which lets in nobody who has no token."""
    url = f"http://127.0.0.1:{port}/"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    started_at = time()
    try:
        opener.open(url, timeout=TIMEOUT_SECONDS).close()
    except urllib.error.HTTPError as error:
        if error.code != HTTPStatus.UNAUTHORIZED:
            yield Problem(CONSOLE, f"{url}: {error}", started_at)
    except (urllib.error.URLError, OSError) as error:
        yield Problem(CONSOLE, f"{url}: {error}", started_at)


def check_services() -> Iterator[Problem]:
    """The services of the supervisor that are not up."""
    folder = Path(os.environ.get("SUPERVISOR_DIR") or Path(gettempdir(), "swpt_accounts"))
    transport = SupervisorTransport("", "", f"unix://{folder}/supervisor.sock")
    started_at = time()
    try:
        transport.username, transport.password = "swpt", (folder / "password").read_text()
        proxy = xmlrpc.client.ServerProxy("http://localhost", transport)
        services: Any = proxy.supervisor.getAllProcessInfo()
    except (OSError, xmlrpc.client.Error) as error:
        yield Problem("supervisor", f"it does not answer: {error}", started_at)
        return
    finally:
        transport.close()
    for service in services:
        if service["statename"] not in WELL:
            yield Problem(service["name"], f"it is {service['statename']}", service["stop"])
