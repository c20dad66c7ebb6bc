"""A whole authority: the real processes, on a database and a virtual host that somebody made."""

import os
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import requests

from agentkit.broker import Broker
from agentkit.database import Database
from agentkit.keys import ACCOUNTS_IN, bits_key
from agentkit.messages import CONTENT_TYPE, Message
from agentkit.observer import Observer
from agentkit.processes import (
    STOP_SECONDS_MAX,
    WEBSERVER_COMMAND,
    Service,
    free_port,
    program_command,
    run,
)
from agentkit.waiting import KitError, wait_until

QUEUE = "swpt_accounts"
CHORES_QUEUE = "swpt_accounts_chores"
DEAD_LETTER_QUEUE = f"{QUEUE}.XQ"
READY_SECONDS_MAX = 60.0
_LOG_LENGTH_SHOWN = 3000

# The commands, and the connections to the database by which one sees that a command runs.
SERVICES: dict[str, tuple[str, ...]] = {
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
WEBSERVER = "webserver"

running: list["Authority"] = []
"""Those that are not closed, for whoever wants to see their logs."""


class Authority:
    """Starts, stops and kills the processes of an authority, and talks to them."""

    stop_seconds_max = STOP_SECONDS_MAX

    def __init__(
        self,
        database_url: str,
        broker_url: str,
        folder: Path,
        settings: Mapping[str, str] | None = None,
        surroundings: Mapping[str, str] = os.environ,
    ) -> None:
        """Start nothing yet. The logs go to the folder; the settings may override addresses.

        The surroundings are what else the processes see in their environment.
        """
        self.database = Database(database_url)
        self.database_url = database_url
        self.broker_url = broker_url
        self.folder = folder
        self.port = free_port()
        self.web_url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **surroundings,
            "PYTHONUNBUFFERED": "1",
            "SQLALCHEMY_DATABASE_URI": database_url,
            "PROTOCOL_BROKER_URL": broker_url,
            "CHORES_BROKER_URL": broker_url,
            "FETCH_API_URL": self.web_url,
            "STATE_DIR": str(folder.absolute() / "state"),
            "WEBSERVER_ADDRESS": "127.0.0.1",
            "WEBSERVER_PORT": str(self.port),
            **(settings or {}),
        }
        self.operator_settings: dict[str, str] = {}
        """What is different for the commands that an operator runs by hand."""
        self.queue = self.environment.get("PROTOCOL_BROKER_QUEUE") or QUEUE
        self.chores_queue = self.environment.get("CHORES_BROKER_QUEUE") or CHORES_QUEUE
        self.realm = self.environment.get("PROTOCOL_BROKER_QUEUE_ROUTING_KEY") or "#"
        self.services = {name: self._service(name, program_command(name)) for name in SERVICES}
        self.services[WEBSERVER] = self._service(WEBSERVER, WEBSERVER_COMMAND)
        self.broker = Broker(broker_url)
        self.observer: Observer | None = None
        self._wanted: dict[str, None] = {}
        running.append(self)

    def _service(self, name: str, command: list[str]) -> Service:
        return Service(name, command, self.folder / f"{name}.log")

    # -- processes ----------------------------------------------------------

    def observe(self) -> Observer:
        """Receive all outgoing messages from now on."""
        assert self.observer is None
        self.observer = Observer(self.broker_url)
        return self.observer

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end. Its output is in `stdout`."""
        return run(program_command(*arguments), {**self.environment, **settings})

    def begin(self, *names: str) -> None:
        """Start services (all of them, if none is named)."""
        for name in names or tuple(self.services):
            self.services[name].start(self.environment)
            self._wanted[name] = None

    def start(self, *names: str) -> None:
        """Start services (all of them, if none is named), and wait until they are at work."""
        self.begin(*names)
        self.wait_ready(names or None)

    def wait_ready(self, names: Iterable[str] | None = None) -> None:
        """Wait until services (all that were started, if none is named) are at work.

        Raises `KitError` if one has ended, or needs too long.
        """
        waiting = list(self._wanted if names is None else names)

        def are_ready() -> bool:
            waiting[:] = [name for name in waiting if not self._is_ready(name)]
            return not waiting

        wait_until(are_ready, READY_SECONDS_MAX, f"the services {waiting} are at work")

    def _is_ready(self, name: str) -> bool:
        self.check_alive(name)
        if name == WEBSERVER:
            return self.is_web_ready()
        queues = {"consume_messages": self.queue, "consume_chore_messages": self.chores_queue}
        if name in queues and not self.broker.consumers_count(queues[name]):
            return False
        return self.connections_of(*SERVICES[name])

    def check_alive(self, *names: str) -> None:
        """Raise `KitError` if a service (of all that were started, if none is named) has ended."""
        for name in names or tuple(self._wanted):
            service = self.services[name]
            if not service.is_alive():
                raise KitError(f"{name} has ended:\n{service.log[-_LOG_LENGTH_SHOWN:]}")

    def is_web_ready(self) -> bool:
        """Whether the web server answers."""
        try:
            return requests.get(f"{self.web_url}/accounts/healthz", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def connections_of(self, *names: str) -> bool:
        """Whether each of these workers has a connection to the database."""
        return not names or self.database.connected(names) == set(names)

    def kill(self, *names: str) -> None:
        """Kill services (all that were started, if none is named) without a warning."""
        for name in names or tuple(self._wanted):
            self.services[name].kill()

    def revive(self) -> list[str]:
        """Start again what has ended, like a supervisor does. Returns the names."""
        ended = [n for n in sorted(self._wanted) if not self.services[n].is_alive()]
        for name in ended:
            self.services[name].kill()
            self.services[name].start(self.environment)
        return ended

    def terminate(self, name: str) -> tuple[int, float]:
        """Ask a service to stop. Returns its exit code, and how many seconds it took."""
        self._wanted.pop(name, None)
        return self.services[name].terminate()

    def stop(self) -> None:
        """Stop everything that runs."""
        for service in self.services.values():
            service.ask_to_stop()
        end = time.monotonic() + self.stop_seconds_max
        for service in self.services.values():
            if service.process is not None:
                try:
                    service.process.wait(max(end - time.monotonic(), 0.01))
                except subprocess.TimeoutExpired:
                    pass
                service.kill()
        self._wanted.clear()

    def close(self) -> None:
        """Stop everything, and disconnect."""
        self.stop()
        if self.observer is not None:
            self.observer.close()
        self.broker.close()
        running.remove(self)

    def log(self, name: str) -> str:
        """What a service has logged."""
        return self.services[name].log

    # -- what one says and asks ----------------------------------------------

    def contains(self, debtor_id: int, creditor_id: int) -> bool:
        """Whether an account belongs to this shard."""
        return bits_key(debtor_id, creditor_id).startswith(self.realm.removesuffix("#"))

    def query(self, statement: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """Run a statement on the database of the authority. Returns its rows."""
        return self.database.query(statement, *arguments)

    def send(self, message: Message) -> None:
        """Publish an incoming message."""
        self.broker.send(message)

    def send_raw(self, body: bytes, routing_key: str = "0.1", **properties: Any) -> None:
        """Publish any bytes to the authority."""
        self.broker.publish(
            ACCOUNTS_IN, routing_key, body, **{"content_type": CONTENT_TYPE, **properties}
        )
