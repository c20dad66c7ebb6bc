"""The STOMP programs that every real node runs, and agents that speak through them."""

import os
import shlex
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from agentkit.broker import Broker
from agentkit.keys import hex_key
from agentkit.messages import CONTENT_TYPE, Message, encode
from agentkit.processes import ROOT, Service, free_port, run, system_program
from agentkit.real_nodes import STOMP_PYTHON, id_of, real
from agentkit.received import Received
from agentkit.waiting import KitError, wait_until

SECONDS_MAX = 45.0
_GRACE_SECONDS = 30.0
INBOX = "inbox"
_SCRIPTS = ROOT / "deploy" / "kubernetes" / "components" / "stomp"
STOMP_SH, PROXY_SH = _SCRIPTS / "stomp.sh", _SCRIPTS / "proxy.sh"
# As the image names the programs.
NAMES = {
    "server": "swpt-server",
    "client": "swpt-client",
    "drainer": "swpt-drainer",
    "configure_queue": "configure-queue",
}


class Programs:
    """The STOMP programs of a node. To be closed."""

    def __init__(self, folder: Path, logs: Path, broker_url: str, **other_urls: str) -> None:
        """The others are the addresses for single programs, if they differ."""
        self.folder = folder
        self.port = free_port()
        self.settings: dict[str, str] = {}
        self._logs = logs
        self._urls = {"": broker_url, **other_urls}
        self.server: Service | None = None
        self.clients: dict[str, Service] = {}
        self._queues: dict[str, str] = {}
        self._services: list[Service] = []

    @property
    def id(self) -> str:
        return id_of(self.folder)

    @property
    def server_port(self) -> int:
        """Where the server itself listens."""
        return self.port

    def environment(self, name: str) -> Mapping[str, str]:
        return {
            **{k: v for k, v in os.environ.items() if k.startswith(("PATH", "HOME", "LANG"))},
            "PYTHONPATH": str(real("swpt_stomp")),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
            "SWPT_NODEDATA_URL": f"file://{self.folder}",
            "SWPT_SERVER_CERT": str(self.folder / "server.crt"),
            "SWPT_SERVER_KEY": str(self.folder / "server.key"),
            "SWPT_SERVER_PORT": str(self.server_port),
            "PROTOCOL_BROKER_URL": self._urls.get(name, self._urls[""]),
            **self.settings,
        }

    def command(self, name: str) -> list[str]:
        return [str(STOMP_PYTHON), "-m", f"swpt_stomp.{name}"]

    def configure_queue(self, peer_id: str, queue: str) -> None:
        command = [*self.command("configure_queue"), peer_id, queue]
        done = run(command, self.environment("configure_queue"), SECONDS_MAX)
        assert done.returncode == 0, done.stdout

    def start(self, name: str, *words: str) -> Service:
        """Start a program: server, client PEER QUEUE, or drainer PEER QUEUE."""
        log = self._logs / f"{self.folder.name}_{name}_{len(self._services)}.log"
        service = Service(name, [*self.command(name), *words], log)
        self._services.append(service)
        service.start(self.environment(name))
        return service

    def serve(self) -> Service:
        """Start a server, and wait until it listens."""
        self.server = service = self.start("server")

        def listens() -> bool:
            if not service.is_alive():
                raise KitError(f"the STOMP server has ended:\n{service.log}")
            return "Started STOMP server" in service.log

        wait_until(listens, SECONDS_MAX, "the STOMP server listens")
        return service

    def connect(self, peer_id: str, queue: str) -> Service:
        """Start a client, beside those of other peers."""
        self.clients[peer_id] = self.start("client", peer_id, queue)
        self._queues[peer_id] = queue
        return self.clients[peer_id]

    def restart(self) -> None:
        """What an operator does when certificates or addresses are new."""
        self.stop()
        self.serve()
        for peer_id, queue in self._queues.items():
            self.connect(peer_id, queue)

    def revive(self) -> None:
        """Start the clients again that have ended, as an orchestrator does."""
        for peer_id, client in list(self.clients.items()):
            if not client.is_alive():
                self.connect(peer_id, self._queues[peer_id])

    def stop(self, *services: Service) -> None:
        """End them, as an orchestrator does; all of them, if none is named.

        It asks, and kills what has not ended in time: the real server loses a signal that comes
        while Python calls back a weak reference, since its handler raises an exception.
        """
        for service in services or self._services:
            if service.is_alive():
                service.process.send_signal(signal.SIGTERM)
                with suppress(subprocess.TimeoutExpired):
                    service.process.wait(_GRACE_SECONDS)
            service.kill()

    def logs(self) -> str:
        return "\n".join(f"-- {s.log_path.name}\n{s.log[-2000:]}" for s in self._services[-6:])


class Proxy(Service):
    """What this project ships before a STOMP server."""

    def __init__(self, folder: Path, port: int, server_port: int, **limits: str) -> None:
        """It logs and writes into a folder. Limits that are not given are the shipped ones."""
        folder.mkdir(exist_ok=True)
        super().__init__("proxy", ["sh", str(PROXY_SH)], folder / "proxy.log")
        self._environment = {
            "PATH": f"{os.environ['PATH']}:/usr/sbin",
            "TMPDIR": str(folder),
            "STOMP_PROXY_PORT": str(port),
            "STOMP_PROXY_SERVER": f"127.0.0.1:{server_port}",
            **limits,
        }

    def serve(self) -> None:
        """Start, and wait until it listens. Raises `KitError` if it does not."""
        if system_program("nginx") is None:
            raise KitError("there is no nginx; please install it (on Debian, nginx-light)")
        before = len(self.log)
        self.start(self._environment)

        def listens() -> bool:
            if not self.is_alive():
                raise KitError(f"the proxy has ended:\n{self.log}")
            return "start worker process " in self.log[before:]

        wait_until(listens, SECONDS_MAX, "the proxy listens")


class OurPrograms(Programs):
    """As the containers of this project run them: stomp.sh looks at the folder, and a proxy is
    before the server.
    """

    def __init__(self, folder: Path, logs: Path, broker_url: str, **other_urls: str) -> None:
        super().__init__(folder, logs, broker_url, **other_urls)
        self._server_port = free_port()

    @property
    def server_port(self) -> int:
        return self._server_port

    def serve(self) -> Service:
        """Start a server, and the proxy before it."""
        service = super().serve()
        self.proxy = Proxy(self._logs / f"proxy_{len(self._services)}", self.port, self.server_port)
        self._services.append(self.proxy)
        self.proxy.serve()
        return service

    def command(self, name: str) -> list[str]:
        return ["sh", str(STOMP_SH), NAMES[name]]

    def environment(self, name: str) -> Mapping[str, str]:
        """With programs that have the names of the image's."""
        programs = self._logs / "programs"
        if not programs.exists():
            programs.mkdir()
            for module, program in NAMES.items():
                words = shlex.join(super().command(module))
                (programs / program).write_text(f'#!/bin/sh\nexec {words} "$@"\n')
                (programs / program).chmod(0o755)
        environment = super().environment(name)
        return {**environment, "PATH": f"{programs}:{environment['PATH']}"}


def declare_incoming(broker: Broker, *, is_creditors: bool) -> str:
    """The exchange to which the STOMP server of an agent brings messages."""
    name, kind = ("creditors_in", "headers") if is_creditors else ("debtors_in", "topic")
    broker.channel.exchange_declare(name, kind, durable=True)
    return name


def send_out(broker: Broker, message: Message, *, is_creditors: bool) -> None:
    """Publish a message where the STOMP client of an agent gets it from."""
    exchange, key = "debtors_out", ""
    if is_creditors:
        exchange, key = "creditors_out", hex_key(message["debtor_id"])
    body = encode(message)
    broker.publish(exchange, key, body, type=message["type"], content_type=CONTENT_TYPE)


class Agent:
    """Whatever is behind the STOMP programs of an agent: it says and hears messages."""

    def __init__(
        self, programs: Programs, broker_url: str, node_type: str, others: Programs
    ) -> None:
        """The others are the programs at the other end."""
        self.programs = programs
        self._others = others
        self.is_creditors = node_type == "Creditors Agents"
        self.heard: list[Received] = []
        self.broker = Broker(broker_url)
        incoming = declare_incoming(self.broker, is_creditors=self.is_creditors)
        self.broker.declare_queue(INBOX)
        self.broker.channel.queue_bind(INBOX, incoming, "" if self.is_creditors else "#")

    @property
    def id(self) -> str:
        return self.programs.id

    def send(self, message: Message) -> None:
        send_out(self.broker, message, is_creditors=self.is_creditors)

    def wait(self, message_type: str, since: int = 0, **fields: Any) -> Message:
        """The first message of this kind, among those that came after the first `since`."""

        def found() -> Message | None:
            self.programs.revive()
            self._others.revive()
            while message := self.broker.get(INBOX):
                self.heard.append(message)
            hits = (m for m in self.heard[since:] if m.matches(message_type, fields))
            return next((m.data for m in hits), None)

        try:
            return wait_until(found, SECONDS_MAX, f"{message_type} {fields}") or {}
        except KitError as error:
            raise AssertionError(f"{error}; heard: {self.heard}\n{self.programs.logs()}") from None

    def types_heard(self) -> set[str | None]:
        return {message.type for message in self.heard}

    def close(self) -> None:
        self.broker.close()


def has_ended(service: Service) -> int:
    """Wait for the end of a program. Returns its exit code."""
    return int(service.process.wait(SECONDS_MAX))
