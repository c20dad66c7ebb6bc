"""Starts workers that die where they are told to."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from agentkit.processes import ROOT
from agentkit.waiting import SECONDS_MAX, KitError
from verification.crash_points.control import Control

KILLED: Final = -signal.SIGKILL


class Launcher:
    """The client of `launcher.py`."""

    def __init__(self, folder: Path) -> None:
        """Start it. The logs go to the folder."""
        self.folder = folder
        self._changed = threading.Condition()
        self._pids: list[int] = []
        self._codes: dict[int, int] = {}
        self._is_ready = False
        with (folder / "launcher.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "verification.crash_points.launcher"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        self._wait_for(lambda: self._is_ready, "the launcher")

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._take(json.loads(line))

    def _take(self, told: dict[str, Any]) -> None:
        with self._changed:
            match told:
                case {"started": pid}:
                    self._pids.append(pid)
                    # the number may have been another one's
                    self._codes.pop(pid, None)
                case {"ended": pid, "code": code}:
                    self._codes[pid] = code
                case {"ready": True}:
                    self._is_ready = True
            self._changed.notify_all()

    def _wait_for(self, condition: Any, what: str) -> None:
        with self._changed:
            if not self._changed.wait_for(condition, SECONDS_MAX):
                raise KitError(f"{what} has not come: {(self.folder / 'launcher.log').read_text()}")

    def start(self, **order: Any) -> int:
        """Start a worker. Returns its process id."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        self.process.stdin.flush()
        self._wait_for(lambda: self._pids, "a worker")
        return self._pids.pop()

    def code(self, pid: int) -> int | None:
        """The exit code of a worker that has ended."""
        return self._codes.get(pid)

    def wait(self, pid: int) -> int:
        """Wait until a worker ends. Returns its exit code."""
        self._wait_for(lambda: pid in self._codes, f"the end of {pid}")
        return self._codes[pid]

    def close(self) -> None:
        """End it, and all workers."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(SECONDS_MAX)
        self._thread.join(SECONDS_MAX)
        self.process.stdout.close()


class Worker:
    """One command of the program, which may be started again and again."""

    def __init__(
        self,
        launcher: Launcher,
        name: str,
        arguments: list[str],
        environment: Mapping[str, str],
        constants: Mapping[str, Any],
    ) -> None:
        self.name = name
        self.control = Control(launcher.folder, name)
        self.arguments = arguments
        self._launcher = launcher
        self._environment = dict(environment)
        self._constants = dict(constants)
        self._pid: int | None = None
        self.log_path = launcher.folder / f"{name}.log"

    def start(self, *more: str) -> None:
        """Start it, with more arguments."""
        self._pid = self._launcher.start(
            name=self.name,
            folder=str(self._launcher.folder),
            log=str(self.log_path),
            arguments=[*self.arguments, *more],
            environment=self._environment,
            constants=self._constants,
        )

    @property
    def pid(self) -> int:
        assert self._pid is not None
        return self._pid

    @property
    def code(self) -> int | None:
        """Its exit code; None if it runs, or was never started."""
        return None if self._pid is None else self._launcher.code(self._pid)

    def wait(self) -> int:
        """Wait until it ends. Returns its exit code."""
        return self._launcher.wait(self.pid)

    def stop(self) -> int:
        """Ask it to stop, and wait. Returns its exit code."""
        if self.code is None:
            os.kill(self.pid, signal.SIGTERM)
        return self.wait()

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
