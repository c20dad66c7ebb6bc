"""The processes of an authority, as they run in a checkout."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from agentkit.waiting import KitError

ROOT = Path(__file__).parents[1]
# The program gives up after 4 seconds; the rest is for a machine that is busy with something else.
STOP_SECONDS_MAX = 15.0
# It takes its address from WEBSERVER_ADDRESS and WEBSERVER_PORT.
WEBSERVER_COMMAND = [
    *(sys.executable, "-m", "gunicorn"),
    *("--config", "docker/gunicorn.conf.py", "wsgi:app"),
]


# Below the ports that the system gives to connections: these would be in the way of who is to
# listen a moment later, or again.
_FIRST_PORT = 5000
_PORTS_COUNT = 10_000
# Processes of pytest that run beside each other begin far from each other: who is given a port may
# listen there much later.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_ports = count(_WORKER * 2500 + os.getppid() * 37)


def free_port() -> int:
    """A port of the loopback address that nobody listens on, and that was not given out before."""
    for number in islice(_ports, _PORTS_COUNT):
        port = _FIRST_PORT + number % _PORTS_COUNT
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise KitError("there is no free port")


def system_program(name: str) -> str | None:
    """A program of the system; Debian has some where an ordinary user's PATH may not lead."""
    return shutil.which(name) or shutil.which(name, path="/usr/local/sbin:/usr/sbin:/sbin")


def program_command(*arguments: str) -> list[str]:
    """A command of the program."""
    return [sys.executable, "-m", "swpt_accounts", *arguments]


def migrate_command(*arguments: str) -> list[str]:
    """A command about the schema of the database."""
    return [sys.executable, "-m", "flask", "--app", "swpt_accounts", "db", *arguments]


def new_process(
    command: list[str], environment: Mapping[str, str], log_path: Path
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, whose output is added to a file."""
    with log_path.open("ab") as log:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


launch: Callable[[list[str], Mapping[str, str], Path], Any] = new_process
"""How a service is started: the tests have a quicker way."""


def run(
    command: list[str], environment: Mapping[str, str], seconds_max: float = 60.0
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end. Its output is in `stdout`. Raises `subprocess.TimeoutExpired`."""
    with TemporaryDirectory() as folder:
        output = Path(folder) / "output"
        process = launch(command, environment, output)
        try:
            code = process.wait(seconds_max)
        finally:
            end_group(process)
        return subprocess.CompletedProcess(command, code, output.read_text())


def command_of(pid: int) -> str:
    """The title of a process, or its words; nothing when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def end_group(process: Any) -> None:
    """End a process and its children at once."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


class Service:
    """A process with its log."""

    def __init__(self, name: str, command: list[str], log_path: Path) -> None:
        self.name = name
        self.command = command
        self.log_path = log_path
        self.process: Any = None
        """A `subprocess.Popen`, or what behaves as one."""

    def start(self, environment: Mapping[str, str]) -> None:
        self.process = launch(self.command, environment, self.log_path)

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def kill(self) -> None:
        """End the process and its children at once."""
        if self.process is not None:
            end_group(self.process)

    def ask_to_stop(self) -> None:
        """Ask the process to stop, even when it is halted."""
        if self.process is not None and self.is_alive():
            self.process.terminate()
            self.process.send_signal(signal.SIGCONT)

    def terminate(self) -> tuple[int, float]:
        """Ask the process to stop. Returns its exit code, and how many seconds it took."""
        assert self.process is not None
        started_at = time.monotonic()
        self.ask_to_stop()
        try:
            code = self.process.wait(STOP_SECONDS_MAX * 4)
        finally:
            self.kill()
        return code, time.monotonic() - started_at
