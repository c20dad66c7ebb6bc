"""Commands of the image as a container runs them: without privileges, their memory measured."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Event, Thread
from typing import Any

from tests.docker.processes import ENTRYPOINT, Running, image_environment

MIB = 2**20
USER = 10001
_ASK_FOR_COVERAGE = ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")


def without_privileges() -> list[str]:
    """How a command is run. (Python may be in the home of root, where others must not look.)"""
    words = ["setpriv", "--no-new-privs", "--inh-caps=-all"]
    if os.getuid() != 0:
        return words
    words.append("--bounding-set=-all")
    as_user = [*words, f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
    python = ["sh", "-c", 'exec "$0" -c ""', sys.executable]
    tried = subprocess.run([*as_user, *python], capture_output=True, check=False)
    return words if tried.returncode else as_user


def used_bytes(pids: list[int]) -> int:
    """The memory of processes; what they share counts once."""
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        total += sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total


class Container(Running):
    """A container at work. To be used in a `with`."""

    def __init__(
        self,
        name: str,
        words: tuple[str, ...],
        settings: dict[str, str],
        inside: tuple[str, ...] = (),
    ) -> None:
        """Start it. `inside` is a command that begins others, in surroundings of its own."""
        self.name = name
        self.peak_bytes = 0
        self._is_over = Event()
        environment = image_environment(**settings, PYTHONDONTWRITEBYTECODE="1")
        become = without_privileges()
        if inside or f"--reuid={USER}" in become:
            # Where nothing can be written into the folder of coverage, it would say so at the end
            # of each process, among the lines of the program.
            for name in _ASK_FOR_COVERAGE:
                environment.pop(name, None)
        command = [*inside, *become, str(ENTRYPOINT), *words]
        super().__init__(command, environment)
        self._measuring = Thread(target=self._measure, daemon=True)
        self._measuring.start()

    def _measure(self) -> None:
        while not self._is_over.wait(0.1):
            self.peak_bytes = max(self.peak_bytes, used_bytes(self.members()))

    def status(self) -> dict[str, str]:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return {name: text.strip() for name, _, text in (line.partition(":") for line in lines)}

    def end(self) -> tuple[int, float]:
        """Stop it. Returns the exit code, and how many seconds it took."""
        began = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.wait_exit(60)
        return code, time.monotonic() - began

    def logged(self) -> list[dict[str, Any]]:
        """Its lines, as a log pipeline reads them."""
        found = [json.loads(line) for line in self.lines]
        assert all(line["levelname"] and line["message"] for line in found)
        return found

    def __exit__(self, *exc: object) -> None:
        self._is_over.set()
        self._measuring.join()
        super().__exit__(*exc)
