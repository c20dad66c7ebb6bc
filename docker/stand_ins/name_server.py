"""Says which address a container has: what docker/verify uses in the place of aardvark-dns.

``name_server.py --config FOLDER -p PORT run``, as netavark starts it. It reads what netavark writes
into the folder: a file for each network, whose first line begins with the network's own address,
and whose other lines have an id, addresses of IPv4, those of IPv6, and names.

aardvark-dns before 1.11, which Debian 12 and Ubuntu 24.04 have, tears all its servers down whenever
a container starts or ends (its issue 389), and answers nobody for seconds, at worst for half a
minute. A question that nobody answers costs its asker five seconds or ten.
"""

import argparse
import os
import signal
import socket
import sys
from pathlib import Path
from time import sleep

DOMAIN = ".dns.podman"
NO_SUCH_NAME = 3
ADDRESS = 1
HEADER_LENGTH = 12
ATTEMPTS_COUNT, PAUSE_SECONDS = 5, 0.02


def networks(folder: Path) -> list[Path]:
    """The file of each network."""
    return [path for path in folder.iterdir() if path.name != "aardvark.pid"]


def addresses(folder: Path, client: str) -> dict[str, str]:
    """The names that are known in the network of a client. Raises `OSError`, `LookupError`."""
    prefix = client.rpartition(".")[0] + "."
    texts = [path.read_text() for path in networks(folder)]
    return {
        name.lower(): fields[1].partition(",")[0]
        for text in texts
        if text.startswith(prefix)
        for fields in (line.split(" ") for line in text.splitlines()[1:])
        for name in fields[3].split(",")
    }


def find(folder: Path, client: str, name: str) -> str | None:
    """The address of a name. netavark may be writing at this moment, so it is looked up again."""
    for _ in range(ATTEMPTS_COUNT):
        try:
            return addresses(folder, client)[name.removesuffix(DOMAIN)]
        except (OSError, LookupError):
            sleep(PAUSE_SECONDS)
    return None


def question(query: bytes) -> tuple[str, int, bytes]:
    """The name, the type of record, and both as they were sent. Raises `IndexError`."""
    labels, at = [], HEADER_LENGTH
    while length := query[at]:
        labels.append(query[at + 1 : at + 1 + length].decode("ascii", "replace"))
        at += 1 + length
    kind = int.from_bytes(query[at + 1 : at + 3], "big")
    return ".".join(labels).lower(), kind, query[HEADER_LENGTH : at + 5]


def answer(folder: Path, client: str, query: bytes) -> bytes:
    """What is known. Raises `IndexError` for what is no question."""
    name, kind, asked = question(query)
    address = find(folder, client, name)
    record = b""
    if address is not None and kind == ADDRESS:
        # The name is that at the beginning; the class is IN, the time to live 0.
        record = b"\xc0\x0c\0\x01\0\x01\0\0\0\0\0\x04" + socket.inet_aton(address)
    flags = bytes((0x85, 0x80 | (NO_SUCH_NAME if address is None else 0)))
    return query[:2] + flags + b"\0\x01\0" + bytes((bool(record),)) + b"\0\0\0\0" + asked + record


def serve(sock: socket.socket, folder: Path) -> None:
    """Answer for ever."""
    while True:
        query, client = sock.recvfrom(512)
        try:
            sock.sendto(answer(folder, client[0], query), client)
        except (IndexError, OSError):
            # It is no question, or the client is gone.
            continue


def main() -> None:
    """Go on in the background, as netavark expects it, with a file that has the process id."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("-p", dest="port", type=int, required=True)
    parser.add_argument("command", choices=["run"])
    arguments = parser.parse_args()
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("", arguments.port))
    # So netavark tells of what is new; it is over when there is no network any more.
    signal.signal(signal.SIGHUP, lambda *_: None if networks(arguments.config) else sys.exit())
    pid = os.fork()
    if pid:
        (arguments.config / "aardvark.pid").write_text(str(pid))
        return
    os.setsid()
    # netavark reads from these until nobody has them open.
    for descriptor in (1, 2):
        os.dup2(0, descriptor)
    serve(sock, arguments.config)


if __name__ == "__main__":
    main()
