"""What keeps peers from being reached outside of the folder: addresses, servers, clocks, queues."""

import base64
import json
import re
import socket
import ssl
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, unquote, urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from .address import BYTES_MAX, EXCHANGES, Address, read_address
from .certificates import AUTHORITIES, CREDITORS, DEBTORS, Refusal, read_bounded, read_certificate
from .checks import Problem, Problems
from .folder import Node, Peer, read_line, read_number

SECONDS_MAX = 10.0
_QUIET_SECONDS = 2.0
_ANSWER_BYTES_MAX = 4 * 2**20
_FRAME_BYTES_MAX = 16 * 1024
_CLOCK_SECONDS_MAX = 60
# The servers of one's own node are not behind a proxy of the environment.
_OPENER = build_opener(ProxyHandler({}))
# Of each pair of types: what the names of exchanges begin with, and where messages come from.
_ROUTES = {
    (AUTHORITIES, CREDITORS): ("aa", "to_creditors"),
    (AUTHORITIES, DEBTORS): ("aa", "to_debtors"),
    (CREDITORS, AUTHORITIES): ("ca", "creditors_out"),
    (DEBTORS, AUTHORITIES): ("da", "debtors_out"),
}

# -- STOMP --------------------------------------------------------------------


def address_in(folder: Path) -> Address:
    return read_address(read_bounded(folder / "nodeinfo" / "stomp.toml", BYTES_MAX))


def of_peer(node: Node, peer: Peer) -> Problems:
    """What happens at each server of a peer to a client of ours."""
    if peer.state not in ("active", "accepted"):
        return
    address = address_in(peer.folder)
    for server in address.servers:
        where = f"peer {peer.id} at {server[0]}:{server[1]}"
        try:
            with _connected(node, server, peer.root, peer.issued_by_it) as connection:
                yield from _greeting(where, peer, connection, address.host)
        except (OSError, ssl.SSLError) as error:
            yield Problem(where, *_explained(error), is_of_the_form=False)


def of_itself(node: Node) -> Problems:
    """Whether the server of this node shows what is in the folder."""
    for server in address_in(node.folder).servers:
        where = f"node at {server[0]}:{server[1]}"
        try:
            with _connected(node, server, node.root, None) as connection:
                shown = connection.getpeercert(binary_form=True)
        except (OSError, ssl.SSLError) as error:
            yield Problem(where, *_explained(error), is_of_the_form=False)
            continue
        own = read_certificate(node.folder / "server.crt").file.decode()
        if shown != ssl.PEM_cert_to_DER_cert(own[own.index("-----BEGIN") :]):
            what = "its server shows another certificate than server.crt"
            yield Problem(where, what, "restart the STOMP servers and clients", False)


def _connected(
    node: Node, server: tuple[str, int], root: Path, issued: Path | None
) -> ssl.SSLSocket:
    """A connection as a client makes it: with TLS 1.3, and the name in the certificate not that of
    the host."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.load_verify_locations(cadata=_pem(root))
    with tempfile.NamedTemporaryFile("w") as chain:
        chain.write(_pem(node.folder / "server.crt") + (_pem(issued) if issued else ""))
        chain.flush()
        context.load_cert_chain(chain.name, node.folder / "server.key")
    plain = socket.create_connection(server, SECONDS_MAX)
    try:
        return context.wrap_socket(plain)
    except BaseException:
        plain.close()
        raise


def _pem(path: Path) -> str:
    text = read_certificate(path).file.decode(errors="replace")
    return text[text.index("-----BEGIN") :]


def _explained(error: OSError) -> tuple[str, str]:
    """What went wrong, and what to do."""
    if isinstance(error, socket.gaierror):
        return "no machine has this name", "look at the DNS, and at stomp.toml"
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = error.verify_message
        return f"its certificate is not right: {reason}", "it has to renew it (or a clock is wrong)"
    if isinstance(error, (ssl.SSLError, ConnectionResetError)):
        do = "it has to take what you have issued to it; is its root yours, is it the right server?"
        return f"it breaks the connection off: {error}", do
    return f"nobody answers: {error}", "is its server up, is a firewall in between?"


def _greeting(where: str, peer: Peer, connection: ssl.SSLSocket, host: str) -> Iterator[Problem]:
    shown: Any = connection.getpeercert() or {}
    subject = dict(item[0] for item in shown.get("subject", ()))
    if subject.get("serialNumber") != peer.id:
        what = f"another node answers: {subject.get('serialNumber')}"
        yield Problem(where, what, "ask for its address, admit a new bundle", False)
        return
    escaped = host.replace("\\", "\\\\").replace(":", "\\c")
    connection.sendall(f"STOMP\naccept-version:1.2\nhost:{escaped}\n\n\0".encode())
    answer = _answer(connection)
    if answer.lstrip(b"\r\n").startswith(b"CONNECTED") and b"\nmessage:" not in answer:
        return
    told = re.search(rb"^message:(.*)$", answer, re.M)
    what = told[1].decode(errors="replace").strip() if told else "nothing, and breaks off"
    do = "the peer has to accept your certificate, and to activate you"
    yield Problem(where, f"its server answers: {what!r:.200}", do, False)


def _answer(connection: ssl.SSLSocket) -> bytes:
    """What a server says. It looks up who connects after it has welcomed him."""
    answer = b""
    while len(answer) < _FRAME_BYTES_MAX:
        if b"CONNECTED" in answer:
            connection.settimeout(_QUIET_SECONDS)
        try:
            more = connection.recv(4096)
        except TimeoutError:
            break
        answer += more
        if not more or b"\nmessage:" in answer:
            break
    return answer


# -- RabbitMQ -----------------------------------------------------------------


@dataclass(frozen=True)
class Management:
    """The management of RabbitMQ, at http://USER:PASSWORD@HOST:PORT[/VIRTUAL HOST]."""

    url: str

    def get(self, *words: str) -> tuple[Any, datetime]:
        """An answer, or None if there is no such thing; and the time there."""
        parts = urlsplit(self.url)
        vhost = unquote(parts.path[1:]) or "/"
        words = tuple(quote(vhost if word == "VHOST" else word, safe="") for word in words)
        port = f":{parts.port}" if parts.port else ""
        user = f"{unquote(parts.username or 'guest')}:{unquote(parts.password or 'guest')}"
        url = f"{parts.scheme}://{parts.hostname}{port}/api/{'/'.join(words)}"
        if parts.scheme not in ("http", "https"):
            raise Refusal("--broker wants the address of RabbitMQ's management, http://…")
        header = {"Authorization": f"Basic {base64.b64encode(user.encode()).decode()}"}
        try:
            with _OPENER.open(Request(url, headers=header), timeout=SECONDS_MAX) as answer:
                when = parsedate_to_datetime(answer.headers["Date"])
                return json.loads(answer.read(_ANSWER_BYTES_MAX)), when
        except HTTPError as error:
            if error.code == 404:
                return None, parsedate_to_datetime(error.headers["Date"])
            raise


def of_broker(node: Node, peers: list[Peer], url: str) -> Problems:
    management = Management(url)
    try:
        yield from _of_exchange(node, management)
        for peer in peers:
            if peer.state in ("active", "accepted"):
                yield from _of_route(node, peer, management)
    except (OSError, ValueError) as error:
        yield Problem("RabbitMQ", f"its management does not answer: {error}", "look at --broker")


def _of_exchange(node: Node, management: Management) -> Problems:
    name = EXCHANGES[node.type]
    found, when = management.get("exchanges", "VHOST", name)
    if found is None:
        yield Problem("RabbitMQ", f"there is no exchange {name}", "run configure", False)
    apart = abs(when - datetime.now(UTC))
    if apart > timedelta(seconds=_CLOCK_SECONDS_MAX):
        what = f"its clock and that of this machine are {apart} apart"
        yield Problem("RabbitMQ", what, "let both follow a time server", False)


def binding_key(node: Node, peer: Peer) -> str:
    """What the messages for a peer are bound with."""
    if node.type == DEBTORS:
        return ""
    digits = read_line(peer.folder / "subnet.txt") if node.is_authority else peer.id
    words = re.findall("..", digits)
    return ".".join(words if len(words) == 8 else [*words, "#"])


def _of_route(node: Node, peer: Peer, management: Management) -> Problems:
    prefix, main = _ROUTES[node.type, peer.type]
    where, exchange = f"peer {peer.id} in RabbitMQ", f"{prefix}.x.{peer.id}"
    do = f"run configure-queue {peer.id} {prefix}.{peer.id}"
    found, _ = management.get("exchanges", "VHOST", exchange)
    if found is None:
        yield Problem(where, f"there is no exchange {exchange}", do, False)
        return
    sources, _ = management.get("exchanges", "VHOST", exchange, "bindings", "destination")
    keys = {item["routing_key"] for item in sources or () if item["source"] == main}
    key = binding_key(node, peer)
    if key not in keys:
        what = f"{exchange} is not bound to {main} with the key {key!r}"
        yield Problem(where, what, do, False)
    for other in sorted(keys - {key}):
        what = f"{exchange} is bound to {main} with {other!r}, too, which is not its subnet"
        yield Problem(where, what, "remove that binding", False)
    yield from _of_queues(where, exchange, do, peer, management)


def _of_queues(where: str, exchange: str, do: str, peer: Peer, management: Management) -> Problems:
    bound, _ = management.get("exchanges", "VHOST", exchange, "bindings", "source")
    names = sorted({item["destination"] for item in bound or ()})
    if len(names) < read_number(peer.folder / "queues.txt", 1):
        yield Problem(where, f"{len(names)} queues are bound to {exchange}", do, False)
    for name in names:
        queue, _ = management.get("queues", "VHOST", name)
        if queue is not None and not queue.get("consumers"):
            what = f"nobody reads the queue {name} ({queue.get('messages', 0)} messages)"
            yield Problem(where, what, f"start swpt-client {peer.id} {name}", False)
