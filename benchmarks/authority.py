"""The authority that is measured: the real processes, with the settings of `development.env`."""

import re
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

from agentkit import authority, waiting
from agentkit.authority import DEAD_LETTER_QUEUE, QUEUE, SERVICES, WEBSERVER
from agentkit.keys import TO_CREDITORS, TO_DEBTORS
from agentkit.processes import ROOT, STOP_SECONDS_MAX, flask_command, migrate_command, run
from benchmarks.addresses import Addresses, BenchmarkError

__all__ = [
    "DEAD_LETTER_QUEUE",
    "OBSERVER_QUEUE",
    "QUEUE",
    "ROOT",
    "WEBSERVER",
    "Authority",
    "wait_until",
]

OBSERVER_QUEUE = "benchmark"
_LINE = re.compile(r"^([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)
_COMPLAINT = re.compile(r"\b(WARNING|ERROR|CRITICAL|Traceback)\b")


def read_settings(path: Path) -> dict[str, str]:
    """The `NAME=value` lines of a file of settings, without addresses."""
    found = _LINE.findall(path.read_text(encoding="utf-8"))
    return {name: value for name, value in found if not name.endswith("_URL")}


def wait_until(condition: Callable[[], bool], what: str, seconds_max: float) -> None:
    """Ask again and again. Raises `BenchmarkError` when the time is over."""
    waiting.wait_until(condition, seconds_max, what)


class Authority(authority.Authority):
    """An authority all of whose messages go to the observer's queue, too."""

    def __init__(
        self, addresses: Addresses, folder: Path, settings: Mapping[str, str] | None = None
    ) -> None:
        """Start nothing yet. The settings change those of `development.env`."""
        self.addresses = addresses
        self.settings = {**read_settings(ROOT / "development.env"), **(settings or {})}
        super().__init__(addresses.database_url, addresses.broker_url, folder, self.settings)

    def prepare(self) -> None:
        """Make the schema, the exchanges and the queues, and a queue for all that is sent."""
        for command in (
            migrate_command("upgrade"),
            flask_command("subscribe"),
            flask_command("create_chores_queue"),
        ):
            result = run(command, self.environment)
            if result.returncode != 0:
                raise BenchmarkError(f"{' '.join(command)} failed:\n{result.stdout}")
        self.broker.declare_queue(OBSERVER_QUEUE, **{"x-queue-type": "quorum"})
        for exchange in (TO_CREDITORS, TO_DEBTORS):
            self.broker.channel.queue_bind(OBSERVER_QUEUE, exchange, "#")

    @property
    def processes(self) -> dict[str, Popen[bytes]]:
        """The processes that were started, by the names of their commands."""
        return {n: s.process for n, s in self.services.items() if s.process is not None}

    @contextmanager
    def halted(self, name: str) -> Iterator[Callable[[], None]]:
        """Halt a process. Yields what lets it go on, which happens at the end in any case."""
        process = self.processes[name]
        self.halt(name)
        try:
            yield lambda: process.send_signal(signal.SIGCONT)
        finally:
            process.send_signal(signal.SIGCONT)

    def halt(self, name: str) -> None:
        """Halt a process."""
        self.processes[name].send_signal(signal.SIGSTOP)

    @contextmanager
    def restarted(self, name: str, *arguments: str) -> Iterator[None]:
        """Start a command anew, with these arguments; at the end, anew without them."""
        self._restart(name, *arguments)
        try:
            yield
        finally:
            self._restart(name)

    def _restart(self, name: str, *arguments: str) -> None:
        self.terminate(name)
        wait_until(
            lambda: not self.database.connected(SERVICES[name]), f"{name} is gone", STOP_SECONDS_MAX
        )
        self.services[name].command = flask_command(name, *arguments)
        self.start(name)

    def complaints(self) -> list[str]:
        """The warnings and errors in the logs of the processes."""
        return [
            f"{name}: {line}"
            for name in self.services
            for line in self.log(name).splitlines()
            if _COMPLAINT.search(line)
        ]
