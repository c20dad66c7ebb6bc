"""A peer that speaks STOMP itself, as fast as it is let: to its node's programs it is a client."""

import itertools
import re
import socket
import ssl
import threading
import time
from pathlib import Path
from tempfile import NamedTemporaryFile

from agentkit.messages import Message, encode
from agentkit.waiting import SECONDS_MAX, KitError

_HELLO = b"STOMP\naccept-version:1.2\nhost:/\nheart-beat:0,0\n\n\0"
_HEAD = (
    "SEND\ndestination:/exchange/accounts_in\ntype:{}\ncontent-type:application/json\n"
    "receipt:{}\n\n"
)
_RECEIPT = re.compile(rb"receipt-id:(\d+)\n")


def client_context(node: Path, chain: list[Path], trusted: Path) -> ssl.SSLContext:
    """How a node presents itself to another one: with its key, and this chain of certificates."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.load_verify_locations(trusted)
    with NamedTemporaryFile() as presented:
        presented.write(b"".join(path.read_bytes() for path in chain))
        presented.flush()
        made.load_cert_chain(presented.name, node / "server.key")
    return made


class StompSender:
    """A connection to a STOMP server, which has said that it is connected. To be closed."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        """Raises `KitError` with what the server says instead."""
        plain = socket.create_connection(("127.0.0.1", port), SECONDS_MAX)
        self._numbers = itertools.count(1)
        self._heard = b""
        self.confirmed = 0
        """So many messages were taken."""
        self.end = ""
        """What was said that is no receipt, or why it has ended."""
        try:
            self._connection = context.wrap_socket(plain)
            self._connection.sendall(_HELLO)
            while b"\0" not in self._heard:
                if not (more := self._connection.recv(4096)):
                    break
                self._heard += more
        except OSError as error:
            plain.close()
            raise KitError(f"no connection: {error!r}") from None
        if not self._heard.startswith(b"CONNECTED"):
            self._connection.close()
            raise KitError(f"no connection: {self._heard.decode()!r}")
        # A thread reads while another one writes.
        self._connection.settimeout(None)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        heard = self._heard.partition(b"\0")[2]
        try:
            while True:
                *frames, heard = heard.split(b"\0")
                for frame in frames:
                    self._note(frame.lstrip(b"\n"))
                if not (more := self._connection.recv(65536)):
                    break
                heard += more
        except OSError as error:
            self.end = self.end or repr(error)

    def _note(self, frame: bytes) -> None:
        if receipt := _RECEIPT.search(frame):
            self.confirmed = int(receipt[1])
        else:
            self.end = frame.decode(errors="replace")

    def send(self, *messages: Message) -> int:
        """Write messages, and wait for no receipt. Returns the number of bytes.

        Raises `OSError` if the connection has ended.
        """
        frames = b"".join(
            _HEAD.format(message["type"], next(self._numbers)).encode() + encode(message) + b"\0"
            for message in messages
        )
        self._connection.sendall(frames)
        return len(frames)

    def close(self) -> None:
        try:
            self._connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._connection.close()
        self._reader.join(SECONDS_MAX)


def flood(sender: StompSender, message: Message, until: float) -> None:
    """Send a message again and again, each time as another request, until a moment."""
    numbers = itertools.count(message["coordinator_request_id"])
    try:
        while time.monotonic() < until:
            sender.send(*({**message, "coordinator_request_id": next(numbers)} for _ in range(20)))
    except OSError:
        pass  # it was closed
