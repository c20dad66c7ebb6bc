"""Nodes that meet: what openssl says of their certificates, and their handshakes."""

import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

from tests.docker.processes import DOCKER


def openssl(*words: str | Path, data: bytes | None = None) -> str:
    result = subprocess.run(["openssl", *words], input=data, capture_output=True, check=False)
    assert result.returncode == 0, result.stderr.decode()
    return result.stdout.decode()


def one_line(path: Path) -> str:
    (line,) = path.read_text().splitlines()
    return line


def context(
    side: int, node: Path, chain: list[Path], trusted: Path, folder: Path
) -> ssl.SSLContext:
    """How a node presents itself: with its server certificate, and what the peer issued to it."""
    made = ssl.SSLContext(side)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_REQUIRED
    made.load_verify_locations(trusted)
    presented = folder / f"chain{side}.pem"
    presented.write_text("".join(path.read_text() for path in chain))
    made.load_cert_chain(presented, node / "server.key")
    return made


def handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> tuple[str, str]:
    """The serial numbers of the names that the server, and the client, has seen. Or an error."""
    ends = socket.socketpair()
    seen: dict[str, object] = {}

    def run(who: str, wrap: Callable[[], ssl.SSLSocket]) -> None:
        try:
            with wrap() as connection:
                connection.sendall(b"!")
                connection.recv(1)
                subject = connection.getpeercert()["subject"]  # type: ignore[index]
                seen[who] = {k: v for ((k, v),) in subject}["serialNumber"]  # type: ignore
        except (OSError, ssl.SSLError) as error:
            seen[who] = error

    for end in ends:
        end.settimeout(10)
    threads = [
        threading.Thread(
            target=run, args=("server", lambda: server.wrap_socket(ends[0], server_side=True))
        ),
        threading.Thread(target=run, args=("client", lambda: client.wrap_socket(ends[1]))),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in seen.values():
        if isinstance(error, ssl.SSLError):
            raise error
    return str(seen["server"]), str(seen["client"])


def shown(certificate: Path, *what: str) -> str:
    """What a certificate says, by an option of openssl, after the sign of equality."""
    text = openssl("x509", "-in", certificate, "-noout", "-nameopt", "oneline", *what)
    return text.strip().partition("=")[2]


def run_node_sh(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    # It takes long to make greater keys.
    surroundings = {**os.environ, "NODE_KEY_BITS": "2048", **environment}
    command = [DOCKER / "node.sh", *words]
    return subprocess.run(command, env=surroundings, capture_output=True, check=False)


def node_sh(*words: str | Path, **environment: str) -> bytes:
    """What node.sh says on its standard output. It has to succeed."""
    result = run_node_sh(*words, **environment)
    assert result.returncode == 0, result.stderr.decode()
    return result.stdout


def refused(*words: str | Path, **environment: str) -> str:
    """What node.sh says in a line when it refuses."""
    result = run_node_sh(*words, **environment)
    assert (result.returncode, result.stdout) == (1, b""), result.stderr.decode()
    (line,) = result.stderr.decode().splitlines()
    return line
