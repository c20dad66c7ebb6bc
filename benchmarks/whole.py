"""An authority as a container runs it, and `./dev up`: all services under one supervisor."""

import os
import subprocess
import sys
from pathlib import Path
from time import monotonic

from benchmarks.authority import ROOT, STOP_SECONDS_MAX, Authority
from benchmarks.readiness import Readiness

COMMAND = ("docker/supervise.sh",)
NAME = "all"


class WholeAuthority(Authority):
    """Its only process is the supervisor. Its children are the services."""

    start_seconds = 0.0
    """How long the last start took, until everything served."""
    _writer: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        return self.processes[NAME].pid

    def start(self) -> None:
        """Start all services, and wait until they serve."""
        with Readiness(self) as readiness:
            readiness.wait_for_silence()
            started_at = monotonic()
            self._start_supervisor()
            readiness.wait()
            self.start_seconds = monotonic() - started_at

    def _start_supervisor(self) -> None:
        programs = Path(sys.executable).parent
        environment = {
            **self._environment,
            "FLASK_APP": "swpt_accounts",
            "PATH": f"{programs}:{os.environ['PATH']}",
        }
        # Through a pipe, as docker does it: to a file the supervisor would write by a helper.
        with self._log(NAME).open("ab") as log:
            writer = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=log)
        self.processes[NAME] = subprocess.Popen(
            COMMAND,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=writer.stdin,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert writer.stdin is not None
        writer.stdin.close()
        self._writer = writer

    def stop(self) -> None:
        """Stop all services."""
        super().stop()
        if self._writer is not None:
            # it ends when the last service has
            self._writer.wait(STOP_SECONDS_MAX)
