"""Starts the scripts of docker/, and looks at what they do."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from agentkit.processes import ROOT

DOCKER = ROOT / "docker"
ENTRYPOINT = DOCKER / "entrypoint.sh"


def image_environment(**settings: str) -> dict[str, str]:
    """What the image sets, with the programs of this virtual environment, and settings."""
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "FLASK_APP": "swpt_accounts",
        **settings,
    }


class Running:
    """A process, the lines of whose output can be waited for. To be used in a `with`."""

    def __init__(
        self, command: list[str], environment: Mapping[str, str], folder: Path = ROOT
    ) -> None:
        self.lines: list[str] = []
        self._arrived: queue.Queue[str | None] = queue.Queue()
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._arrived.put(line.rstrip("\n"))
        self._arrived.put(None)

    def wait_line(self, text: str, seconds_max: float = 60.0) -> str:
        """The next line that has this text in it."""
        end = time.monotonic() + seconds_max
        while True:
            try:
                line = self._arrived.get(timeout=max(end - time.monotonic(), 0.01))
            except queue.Empty:
                line = None
            assert line is not None, f"no line with {text!r}: {self.lines}"
            self.lines.append(line)
            if text in line:
                return line

    def wait_exit(self, seconds_max: float = 30.0) -> int:
        """The exit code. Everything that was printed is in `lines` then."""
        code = self.process.wait(seconds_max)
        self._reader.join(seconds_max)
        while (line := self._arrived.get()) is not None:
            self.lines.append(line)
        return code

    def terminate(self, seconds_max: float) -> tuple[int, float]:
        """Asks it to stop. Returns the exit code, and how many seconds it took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(seconds_max)
        return code, time.monotonic() - began

    def __enter__(self) -> Self:
        return self

    def members(self) -> list[int]:
        """The processes that came of it, in whatever group they are."""
        found = []
        for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
            try:
                # Most are of others: of these, no file is read.
                if os.getsid(pid) != self.process.pid:
                    continue
                stat = Path(f"/proc/{pid}/stat").read_text()
            except OSError:
                continue  # it has just ended
            if stat.rpartition(")")[2].split()[0] not in "ZX":
                found.append(pid)
        return found

    def __exit__(self, *_: object) -> None:
        for pid in self.members():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
