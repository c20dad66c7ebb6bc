"""The proxy before the STOMP server: a real nginx, with the script that runs it."""

import os
import re
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from agentkit.processes import ROOT, free_port
from agentkit.stomp import PROXY_SH, Proxy
from agentkit.waiting import wait_until

SECONDS_MAX = 30.0
RATE, PER_ADDRESS, IN_ALL = 20_000, 3, 5
LIMITS = {
    "STOMP_BYTES_PER_SECOND": str(RATE),
    "STOMP_CONNECTIONS_PER_ADDRESS": str(PER_ADDRESS),
    "STOMP_CONNECTIONS": str(IN_ALL),
}


class Server:
    """Takes whatever comes, and answers each connection with a greeting."""

    def __init__(self, port: int | None = None) -> None:
        self.taken = 0
        self.port = port or free_port()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        try:
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._take, args=[connection], daemon=True).start()
        except OSError:
            pass  # it was closed

    def _take(self, connection: socket.socket) -> None:
        with connection:
            connection.sendall(b"hello\n")
            while data := connection.recv(65536):
                self.taken += len(data)

    def close(self) -> None:
        if self._listener.fileno() >= 0:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()


@dataclass
class Scene:
    """A server with the proxy before it."""

    server: Server
    proxy: Proxy
    port: int

    def connect(self, address: str = "127.0.0.1") -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), SECONDS_MAX, (address, 0))

    def is_let_in(self, connection: socket.socket) -> bool:
        """Whether the server has answered; else the connection was closed."""
        try:
            return connection.recv(6) == b"hello\n"
        except ConnectionResetError:
            return False


def told(scene: Scene) -> list[tuple[str, ...]]:
    """The address, what became of the connection, the seconds, and the bytes of each line."""
    line = r"^\S+ (\S+) ([A-Z]+), (\S+) s, (\d+) bytes from it$"
    return re.findall(line, scene.proxy.log, re.MULTILINE)


MakeScene = Callable[..., Scene]


@pytest.fixture
def make_scene(nginx: str, tmp_path: Path) -> Iterator[MakeScene]:
    with ExitStack() as stack:

        def make(**limits: str) -> Scene:
            server, port = Server(), free_port()
            stack.callback(server.close)
            proxy = Proxy(tmp_path / "proxy", port, server.port, **limits)
            stack.callback(proxy.kill)
            proxy.serve()
            return Scene(server, proxy, port)

        yield make


def send_all_it_can(scene: Scene, connection: socket.socket, count: int) -> float:
    """Send until the server has taken so many bytes more. Returns how many seconds that took."""
    connection.settimeout(0.05)
    began, wanted = time.monotonic(), scene.server.taken + count
    while scene.server.taken < wanted:
        assert time.monotonic() - began < SECONDS_MAX
        try:
            connection.send(b"x" * 65536)
        except TimeoutError:
            pass
    return time.monotonic() - began


def test_connection_sends_no_more_than_the_rate(make_scene: MakeScene) -> None:
    scene = make_scene(**LIMITS)
    began = time.monotonic()
    with scene.connect() as connection:
        assert scene.is_let_in(connection)
        # A busy machine only makes it longer.
        assert send_all_it_can(scene, connection, 3 * RATE) > 2
        # Who is silent saves nothing up.
        threading.Event().wait(3)
        assert send_all_it_can(scene, connection, 3 * RATE) > 2
        # Nor is a connection in the way of another one.
        with scene.connect() as other:
            assert scene.is_let_in(other)
        wait_until(lambda: time.monotonic() > began + 10.5, SECONDS_MAX, "it has lasted long")
        # Without this, what the proxy has not taken yet would be taken first.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wait_until(lambda: told(scene), SECONDS_MAX, "its line")
    ((address, status, seconds, count),) = told(scene)
    assert (address, status) == ("127.0.0.1", "PASSED")
    assert float(seconds) >= 10
    assert int(count) >= scene.server.taken


def test_too_many_connections_are_closed(make_scene: MakeScene) -> None:
    scene = make_scene(**LIMITS)
    with ExitStack() as stack:

        def connect(address: str) -> socket.socket:
            return stack.enter_context(scene.connect(address))

        first = [connect("127.0.0.1") for _ in range(PER_ADDRESS)]
        assert all(map(scene.is_let_in, first))
        assert not scene.is_let_in(connect("127.0.0.1"))
        others = [connect("127.0.0.2") for _ in range(IN_ALL - PER_ADDRESS)]
        assert all(map(scene.is_let_in, others))
        assert not scene.is_let_in(connect("127.0.0.3"))
        first[0].close()
        wait_until(lambda: scene.is_let_in(connect("127.0.0.1")), SECONDS_MAX, "one is let in")


def test_strangers_cannot_fill_the_log(make_scene: MakeScene) -> None:
    scene = make_scene(**LIMITS)
    refused = 500
    with ExitStack() as stack:
        for _ in range(PER_ADDRESS):
            assert scene.is_let_in(stack.enter_context(scene.connect()))
        for _ in range(refused):
            with scene.connect() as connection:
                assert not scene.is_let_in(connection)
        wait_until(lambda: told(scene), SECONDS_MAX, "some are told of")
    lines = scene.proxy.log.count("\n")
    assert lines < refused / 10, scene.proxy.log
    assert {(address, status) for address, status, _, _ in told(scene)} == {
        ("127.0.0.1", "REJECTED")
    }


def test_server_that_is_away_comes_back(make_scene: MakeScene) -> None:
    scene = make_scene()
    scene.server.close()
    with scene.connect() as connection:
        assert not scene.is_let_in(connection)
    again = Server(scene.server.port)
    with scene.connect() as connection:
        assert scene.is_let_in(connection)
    again.close()


def test_proxy_ends_at_once(make_scene: MakeScene) -> None:
    """Connections, which last, do not hold it up."""
    scene = make_scene()
    for number in (signal.SIGQUIT, signal.SIGTERM):
        with scene.connect() as connection:
            assert scene.is_let_in(connection)
            scene.proxy.process.send_signal(number)
            assert scene.proxy.process.wait(SECONDS_MAX) == 0
        scene.proxy.serve()


def test_output_need_not_have_a_name(nginx: str, tmp_path: Path) -> None:
    """A socket cannot be opened; nor can, by some users, what a container is given."""
    port = free_port()
    environment = {
        **os.environ,
        "PATH": f"{Path(nginx).parent}:{os.environ['PATH']}",
        "TMPDIR": str(tmp_path),
        "STOMP_PROXY_PORT": str(port),
        "STOMP_PROXY_SERVER": "127.0.0.1:1",
    }
    own, other = socket.socketpair()
    with own, other, (tmp_path / "log").open("wb") as log:
        command = ["sh", str(PROXY_SH)]
        process = subprocess.Popen(command, env=environment, stdout=other.fileno(), stderr=log)
        try:
            wait_until(lambda: listens(port), SECONDS_MAX, "it listens")
        finally:
            process.terminate()
            process.wait(SECONDS_MAX)


def listens(port: int) -> bool:
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("name", ["STOMP_PROXY_PORT", "STOMP_PROXY_SERVER"])
def test_what_is_missing_is_said(name: str, tmp_path: Path) -> None:
    variables = {"STOMP_PROXY_PORT": "1", "STOMP_PROXY_SERVER": "127.0.0.1:1"}
    del variables[name]
    environment = {**os.environ, "TMPDIR": str(tmp_path), **variables}
    result = subprocess.run(
        ["sh", str(PROXY_SH)], env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode
    assert name in result.stderr


def test_limits_are_those_of_the_page() -> None:
    """And the page tells what they are, of this script and of the servers."""
    script = PROXY_SH.read_text()
    page = (ROOT / "docs" / "reference" / "amqp.md").read_text()
    limits = dict(re.findall(r"\$\{(STOMP_\w+):-(\d+)\}", script))
    services = yaml.safe_load((ROOT / "docker-compose-all.yml").read_text())["services"]
    name = "APP_MAX_CONNECTIONS_PER_PEER"
    limits[name] = services["stomp-server"]["environment"][name]
    assert limits == dict(re.findall(r"^\| `((?:STOMP|APP)_\w+)` \| (\d+) \|", page, re.MULTILINE))
