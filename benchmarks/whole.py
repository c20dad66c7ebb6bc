"""An authority as a container runs it, and `./dev up`: all services under one supervisor."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from time import monotonic

from agentkit.processes import ROOT, Service
from benchmarks.addresses import Addresses
from benchmarks.authority import STOP_SECONDS_MAX, Authority
from benchmarks.readiness import Readiness

COMMAND = ["docker/supervise.sh"]
NAME = "all"


class _Supervisor(Service):
    """Its log goes through a pipe, as docker does it: to a file it would write by a helper."""

    writer: subprocess.Popen[bytes] | None = None

    def start(self, environment: Mapping[str, str]) -> None:
        with self.log_path.open("ab") as log:
            self.writer = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=log)
        assert self.writer.stdin is not None
        self.process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self.writer.stdin,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.writer.stdin.close()


class WholeAuthority(Authority):
    """Its only process is the supervisor. Its children are the services."""

    start_seconds = 0.0
    """How long the last start took, until everything served."""

    def __init__(self, addresses: Addresses, folder: Path, settings: Mapping[str, str]) -> None:
        super().__init__(addresses, folder, settings)
        programs = Path(sys.executable).parent
        self.environment["FLASK_APP"] = "swpt_accounts"
        self.environment["PATH"] = f"{programs}:{os.environ['PATH']}"
        self.supervisor = _Supervisor(NAME, COMMAND, folder / f"{NAME}.log")
        self.services = {NAME: self.supervisor}

    @property
    def pid(self) -> int:
        return self.processes[NAME].pid

    def start(self, *_names: str) -> None:
        """Start all services, and wait until they serve."""
        with Readiness(self) as readiness:
            readiness.wait_for_silence()
            started_at = monotonic()
            self.begin()
            readiness.wait()
            self.start_seconds = monotonic() - started_at

    def stop(self) -> None:
        """Stop all services."""
        super().stop()
        if self.supervisor.writer is not None:
            # it ends when the last service has
            self.supervisor.writer.wait(STOP_SECONDS_MAX)
