"""Clients that are slow, silent, or never read hold up no server of the program."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
import requests

from agentkit.authority import Authority
from agentkit.processes import WEBSERVER_COMMAND, Service, free_port, program_command
from agentkit.waiting import wait_until
from tests.support.slow_clients import slow_clients

# Of each server: many times its threads, and more than the console and the exporter let in.
CLIENTS_COUNT = 250
# The patience of the program's own checks.
SECONDS_MAX = 4.0


@dataclass(frozen=True)
class Door:
    """A server with the settings that everybody has, and the answers that it owes."""

    service: Service
    port: int
    expected: dict[str, int]

    def answers(self) -> bool:
        """Whether it answers each question as it must, in time."""
        url = f"http://127.0.0.1:{self.port}"
        try:
            return self.expected == {
                path: requests.get(url + path, timeout=SECONDS_MAX).status_code
                for path in self.expected
            }
        except requests.RequestException:
            return False


@pytest.fixture
def doors(idle_authority: Authority) -> Iterator[list[Door]]:
    made = []
    for name, command, port_name, expected in (
        (
            "webserver",
            WEBSERVER_COMMAND,
            "WEBSERVER_PORT",
            {"/accounts/healthz": 200, "/accounts/1/2/reachable": 404},
        ),
        (
            "serve_metrics",
            program_command("serve_metrics"),
            "METRICS_PORT",
            {"/live": 200, "/ready": 200, "/metrics": 200},
        ),
        (
            "console",
            program_command("console"),
            "CONSOLE_PORT",
            {"/sign-in.css": 200, "/settings": 401},
        ),
    ):
        door = Door(Service(name, command, idle_authority.folder / name), free_port(), expected)
        settings = {port_name: str(door.port), "CONSOLE_TOKEN": "a-token-of-a-test-0123456789"}
        door.service.start({**idle_authority.environment, **settings})
        made.append(door)
    try:
        for door in made:
            wait_until(door.answers, 60, f"{door.service.name} answers")
        yield made
        for door in made:
            assert door.service.terminate()[0] == 0
            assert "Traceback" not in door.service.log
    finally:
        for door in made:
            door.service.kill()


def test_slow_clients_hold_up_nobody(doors: list[Door]) -> None:
    with ExitStack() as stack:
        clients = [
            client
            for door in doors
            for client in stack.enter_context(
                slow_clients(door.port, list(door.expected)[-1], CLIENTS_COUNT)
            )
        ]

        def are_gone() -> bool:
            for client in clients:
                client.go_on()
            assert [door.answers() for door in doors] == [True] * len(doors)
            return all(client.is_closed for client in clients if client.is_slow)

        wait_until(are_gone, 60, "the servers have closed the connections of those who are slow")
    assert all(door.answers() for door in doors)
