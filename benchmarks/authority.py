"""A whole authority: the real processes, each started alone."""

import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pika

from benchmarks.addresses import Addresses, BenchmarkError
from benchmarks.settings import effective_settings, environment_with

ROOT = Path(__file__).parents[1]
QUEUE = "swpt_accounts"
DEAD_LETTER_QUEUE = f"{QUEUE}.XQ"
OBSERVER_QUEUE = "benchmark"
READY_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 10.0
_POLL_SECONDS = 0.05
_LOG_BYTES_SHOWN = 2000

WEBSERVER = "webserver"
WEBSERVER_COMMAND = ("gunicorn", "--config", "docker/gunicorn.conf.py", "wsgi:app")
# The commands, and the database connections by which one sees that they run.
COMMANDS: dict[str, tuple[str, ...]] = {
    "consume_messages": (),
    "consume_chore_messages": ("consume_chore_messages",),
    "process_transfer_requests": ("process_transfer_requests", "verify_recipients"),
    "process_finalization_requests": ("process_finalization_requests",),
    "process_balance_changes": ("process_balance_changes",),
    "flush_messages": ("flush_messages",),
    "scan_accounts": ("scan_accounts", "send_prompt_updates"),
    "scan_prepared_transfers": ("scan_prepared_transfers",),
    "scan_registered_balance_changes": ("scan_registered_balance_changes",),
}


def wait_until(condition: Callable[[], bool], what: str, seconds_max: float) -> None:
    """Ask again and again. Raises `BenchmarkError` when the time is over."""
    end = time.monotonic() + seconds_max
    while not condition():
        if time.monotonic() >= end:
            raise BenchmarkError(f"after {seconds_max:.0f} seconds still not: {what}")
        time.sleep(_POLL_SECONDS)


class Authority:
    """Starts and stops the processes."""

    def __init__(self, addresses: Addresses, folder: Path, settings: Mapping[str, str]) -> None:
        self.addresses = addresses
        self.port = _free_port()
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        required = {
            "POSTGRES_URL": addresses.database_url,
            "PROTOCOL_BROKER_URL": addresses.broker_url,
            "CHORES_BROKER_URL": addresses.broker_url,
            "FETCH_API_URL": f"http://127.0.0.1:{self.port}",
        }
        where = {"WEBSERVER_ADDRESS": "127.0.0.1", "WEBSERVER_PORT": str(self.port)}
        self._environment = {
            **environment_with(settings, required, where),
            "PYTHONUNBUFFERED": "1",
        }
        self.settings = effective_settings(self._environment)
        """All of them, with the program's defaults."""

    # -- preparations -------------------------------------------------------

    def prepare(self) -> None:
        """Make the schema, the exchanges and the queues, and a queue for all that is sent."""
        self._run("db", "upgrade")
        self._run("swpt_accounts", "subscribe")
        self._run("swpt_accounts", "create_chores_queue")
        with self.channel() as channel:
            channel.queue_declare(
                OBSERVER_QUEUE, durable=True, arguments={"x-queue-type": "quorum"}
            )
            for exchange in ("to_creditors", "to_debtors"):
                channel.queue_bind(OBSERVER_QUEUE, exchange, "#")

    def _run(self, *arguments: str) -> None:
        result = subprocess.run(
            self._flask(*arguments),
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise BenchmarkError(f"flask {' '.join(arguments)} failed:\n{result.stdout}")

    def _flask(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "flask", "--app", "swpt_accounts", *arguments]

    @contextmanager
    def channel(self) -> Iterator[pika.adapters.blocking_connection.BlockingChannel]:
        """A channel to the broker, for a moment."""
        connection = pika.BlockingConnection(pika.URLParameters(self.addresses.broker_url))
        try:
            yield connection.channel()
        finally:
            connection.close()

    # -- processes ----------------------------------------------------------

    def start(self) -> None:
        """Start all processes, and wait until they are at work."""
        self._start_process(WEBSERVER, [sys.executable, "-m", *WEBSERVER_COMMAND])
        for name in COMMANDS:
            self._start_process(name, self._flask("swpt_accounts", name))
        wait_until(self._is_ready, "all processes are at work", READY_SECONDS_MAX)

    def _start_process(self, name: str, command: list[str]) -> None:
        with self._log(name).open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def check_alive(self) -> None:
        """Raise `BenchmarkError` if a process has ended."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                log = self._log(name).read_text(errors="replace")[-_LOG_BYTES_SHOWN:]
                raise BenchmarkError(f"{name} has ended:\n{log}")

    def _is_ready(self) -> bool:
        self.check_alive()
        wanted = {f"swpt_accounts {c}" for names in COMMANDS.values() for c in names}
        with self.channel() as channel:
            method = channel.queue_declare(QUEUE, passive=True).method
        has_all = wanted <= self._connections() and method.consumer_count > 0
        return has_all and self.is_web_ready()

    def _connections(self) -> set[str]:
        """The names of the connections to the database."""
        with self.addresses.connect() as connection:
            rows = connection.execute(
                "SELECT application_name FROM pg_stat_activity WHERE datname = current_database()"
            ).fetchall()
        return {name for (name,) in rows}

    def is_web_ready(self) -> bool:
        """Whether the web server answers."""
        url = f"http://127.0.0.1:{self.port}/accounts/healthz"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

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
        process = self.processes[name]
        process.terminate()
        # it may be halted
        process.send_signal(signal.SIGCONT)
        process.wait(STOP_SECONDS_MAX)
        connections = {f"swpt_accounts {c}" for c in COMMANDS[name]}
        wait_until(
            lambda: not connections & self._connections(), f"{name} is gone", STOP_SECONDS_MAX
        )
        self._start_process(name, self._flask("swpt_accounts", name, *arguments))
        wait_until(self._is_ready, f"{name} is at work", READY_SECONDS_MAX)

    def stop(self) -> None:
        """Stop all processes."""
        for process in self.processes.values():
            process.terminate()
        end = time.monotonic() + STOP_SECONDS_MAX
        for process in self.processes.values():
            try:
                process.wait(max(end - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def complaints(self) -> list[str]:
        """The warnings and errors in the logs of the processes."""
        return [
            f"{name}: {line}"
            for name in self.processes
            for line in self._log(name).read_text(errors="replace").splitlines()
            if re.search(r"\b(WARNING|ERROR|CRITICAL|Traceback)\b", line)
        ]


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])
