"""What tells the containers of docker/verify the addresses of others."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agentkit.processes import free_port
from agentkit.waiting import wait_until
from tests.docker.processes import DOCKER

QUERY = b"\x12\x34\1\0\0\1\0\0\0\0\0\0"
ADDRESS, ADDRESS_OF_IPV6 = b"\0\1\0\1", b"\0\x1c\0\1"


@contextmanager
def serving(folder: Path) -> Iterator[int]:
    """A name server in the background, as netavark starts it, on a port."""
    port = free_port()
    command = [sys.executable, str(DOCKER / "stand_ins" / "name_server.py")]
    subprocess.run(
        [*command, "--config", str(folder), "-p", str(port), "run"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=True,
    )
    yield port
    (folder / "net").unlink()
    hang_up(folder)
    wait_until(lambda: is_free(port), 10, "it has ended")


def hang_up(folder: Path) -> None:
    """Say that something has changed, as netavark does."""
    os.kill(int((folder / "aardvark.pid").read_text()), signal.SIGHUP)


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind(("", port))
        except OSError:
            return False
    return True


def ask(port: int, name: str, kind: bytes = ADDRESS) -> tuple[int, str]:
    """The code of the answer, and the address in it."""
    labels = b"".join(bytes([len(word)]) + word.encode() for word in name.split("."))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(10)
        sock.sendto(QUERY + labels + b"\0" + kind, ("127.0.0.1", port))
        found = sock.recv(512)
    assert found[:2] == QUERY[:2]
    return found[3] & 15, socket.inet_ntoa(found[-4:]) if found[7] else ""


def test_names_are_those_of_this_moment(tmp_path: Path) -> None:
    (tmp_path / "net").write_text("127.0.0.1\nid 127.0.0.5  pg,swpt_pg_1,0123\n")
    (tmp_path / "other").write_text("10.89.1.1\nid 10.89.1.5  elsewhere\n")
    with serving(tmp_path) as port:
        assert ask(port, "pg") == ask(port, "PG.dns.podman") == (0, "127.0.0.5")
        assert ask(port, "pg", ADDRESS_OF_IPV6) == (0, "")
        assert ask(port, "web") == ask(port, "elsewhere") == (3, "")
        with (tmp_path / "net").open("a") as file:
            file.write("id 127.0.0.6  web\n")
        for _ in range(20):
            hang_up(tmp_path)
            assert ask(port, "web") == (0, "127.0.0.6")
        (tmp_path / "other").unlink()
