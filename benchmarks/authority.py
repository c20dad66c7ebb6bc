"""The authority that is measured: the real processes, each started alone."""

import re
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

from agentkit import authority
from agentkit.authority import SERVICES
from agentkit.keys import TO_CREDITORS, TO_DEBTORS
from agentkit.processes import migrate_command, program_command, run
from agentkit.waiting import KitError, wait_until
from benchmarks.addresses import Addresses
from benchmarks.settings import effective_settings, environment_with
from swpt_accounts.observability.events.background import PEER_SILENT
from swpt_accounts.observability.events.lifecycle import SETTING_SLOW

OBSERVER_QUEUE = "benchmark"
STOP_SECONDS_MAX = 10.0
_COMPLAINT = re.compile(r"\b(WARNING|ERROR|CRITICAL|Traceback)\b")
# It says so of each slow setting, and some are measured. And the benchmark's own proxy before the
# shards may be late when all cores are taken: what it has not answered is asked again.
_EXPECTED = tuple(f" [{event.name}]: " for event in (SETTING_SLOW, PEER_SILENT))


class Authority(authority.Authority):
    """An authority all of whose messages go to the observer's queue, too."""

    stop_seconds_max = STOP_SECONDS_MAX

    def __init__(self, addresses: Addresses, folder: Path, settings: Mapping[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(
            addresses.database_url, addresses.broker_url, folder, settings, environment_with()
        )
        self.addresses = addresses
        self.settings = effective_settings(self.environment)
        """All of them, with the program's defaults."""

    def prepare(self) -> None:
        """Make the schema, the exchanges and the queues, and a queue for all that is sent."""
        self.execute(migrate_command("upgrade"))
        self.execute(program_command("subscribe"))
        self.execute(program_command("create_chores_queue"))
        self.declare_observer("quorum")

    def declare_observer(self, queue_type: str) -> None:
        """Make the observer's queue."""
        self.broker.declare_queue(OBSERVER_QUEUE, **{"x-queue-type": queue_type})
        for exchange in (TO_CREDITORS, TO_DEBTORS):
            self.broker.channel.queue_bind(OBSERVER_QUEUE, exchange, "#")

    def execute(self, command: list[str]) -> None:
        """Run a command to its end. Raises `KitError` when it fails."""
        result = run(command, self.environment)
        if result.returncode != 0:
            raise KitError(f"{' '.join(command)} failed:\n{result.stdout}")

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
        self.restart(name, *arguments)
        try:
            yield
        finally:
            self.restart(name)

    def restart(self, name: str, *arguments: str) -> None:
        """Start a command anew, with these arguments."""
        self.terminate(name)
        wait_until(
            lambda: not self.database.connected(SERVICES[name]), STOP_SECONDS_MAX, f"{name} is gone"
        )
        self.services[name].command = program_command(name, *arguments)
        self.start(name)

    def complaints(self) -> list[str]:
        """The warnings and errors in the logs of the processes."""
        return [
            f"{name}: {line}"
            for name in self.services
            for line in self.log(name).splitlines()
            if is_complaint(line)
        ]


def is_complaint(line: str) -> bool:
    """Whether this line of a log says that something is wrong."""
    return _COMPLAINT.search(line) is not None and not any(mark in line for mark in _EXPECTED)
