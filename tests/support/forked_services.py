"""Programs of tests are started as supervisord starts workers: forked from what has loaded all.

A new interpreter needs half a second of a core for its imports, and the tests start thousands.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from agentkit import processes

_PYTHON = [sys.executable, "-m"]
_MODULES = (
    *("swpt_accounts", "flask", "gunicorn"),
    *("tests.support.dying", "verification.splits.failing"),
)
START_SECONDS_MAX = 60.0


class ForkedProcess:
    """A child of the fork server, with what tests use of `subprocess.Popen`."""

    def __init__(self, command: list[str], pid: int) -> None:
        self.args = command
        self.pid = pid
        self.returncode: int | None = None
        self._has_ended = threading.Event()

    def note_end(self, code: int) -> None:
        """Note the exit code; negative, it is the number of a signal."""
        self.returncode = code
        self._has_ended.set()

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises `subprocess.TimeoutExpired`."""
        if not self._has_ended.wait(timeout):
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.returncode is None:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                pass

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


class ForkServer:
    """The other end of `fork_server.py`."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._server = subprocess.Popen(
                [sys.executable, "-m", "tests.support.fork_server", str(theirs.fileno())],
                cwd=processes.ROOT,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        self._turn = threading.Lock()
        self._news = threading.Condition()
        self._started_pid: int | None = None
        self._running: dict[int, ForkedProcess] = {}
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def start(
        self, command: list[str], environment: Mapping[str, str], log_path: Path
    ) -> ForkedProcess:
        """Start a module."""
        _, _, module, *arguments = command
        request = {"module": module, "arguments": arguments, "environment": dict(environment)}
        with self._turn, self._news, log_path.open("ab") as log:
            socket.send_fds(self._socket, [json.dumps(request).encode()], [log.fileno()])
            is_started = self._news.wait_for(self._has_started, START_SECONDS_MAX)
            assert is_started, "the fork server does not answer"
            assert self._started_pid is not None
            made = ForkedProcess(command, self._started_pid)
            self._running[made.pid], self._started_pid = made, None
            self._news.notify_all()
            return made

    def _has_started(self) -> bool:
        return self._started_pid is not None

    def _listen(self) -> None:
        """Note what the server says. An end is only said after the start was."""
        while message := self._socket.recv(1024):
            answer = json.loads(message)
            with self._news:
                if "started" in answer:
                    self._started_pid = answer["started"]
                    self._news.notify_all()
                    continue
                # whoever has started it may be just about to take note of it
                self._news.wait_for(lambda: not self._has_started())
                self._running.pop(answer["ended"]).note_end(answer["code"])

    def close(self) -> None:
        """End the server. What it has forked is ended by whoever has started it."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._server.wait()
        self._listener.join()
        self._socket.close()


@pytest.fixture(scope="session", autouse=True)
def _forked_services() -> Iterator[None]:
    """From now on modules are forked; the server comes with the first one."""
    servers: list[ForkServer] = []

    def launch(command: list[str], environment: Mapping[str, str], log_path: Path) -> Any:
        # another path leads to another copy of the program
        is_other = environment.get("PYTHONPATH") != os.environ.get("PYTHONPATH")
        is_forked = command[:2] == _PYTHON and command[2] in _MODULES
        if is_other or not is_forked:
            return processes.new_process(command, environment, log_path)
        if not servers:
            servers.append(ForkServer())
        return servers[0].start(command, environment, log_path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "launch", launch)
        yield
    for server in servers:
        server.close()
