"""What in a folder keeps peers from being reached, and what to do about it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from . import subnets
from .address import BYTES_MAX, EXCHANGES, read_address
from .certificates import (
    AUTHORITIES,
    CREDITORS,
    Certificate,
    Refusal,
    id_of_key,
    openssl,
    read_bounded,
    read_certificate,
    verify,
)
from .folder import Node, Peer, read_line

SOON = timedelta(days=30)


@dataclass(frozen=True)
class Problem:
    """What is wrong with the node or a peer, and what to do."""

    where: str
    what: str
    do: str
    is_of_the_form: bool = True
    """False for what time, or other people, bring about in a folder that is as it should be."""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}: {self.do}"


Problems = Iterator[Problem]


def tried(where: str, what: str, do: str, call: Callable[[], object]) -> Problems:
    """A problem, if the call refuses something."""
    try:
        call()
    except Refusal as refusal:
        yield Problem(where, f"{what}: {refusal}", do)


def dates(where: str, what: str, certificate: Certificate, do: str) -> Problems:
    now = datetime.now(UTC)
    if certificate.begins > now:
        what = f"{what} is valid only from {certificate.begins} on"
        yield Problem(where, what, "set this machine's clock, or ask who issued it", False)
    elif certificate.ends < now:
        yield Problem(where, f"{what} has ended on {certificate.ends}", do, False)
    elif certificate.ends < now + SOON:
        yield Problem(where, f"{what} ends soon, on {certificate.ends}", do, False)


# -- the node -----------------------------------------------------------------


def of_node(node: Node) -> Problems:
    if node.is_earlier:
        yield Problem("node", "an earlier node.sh has made this folder", "node.sh mend it")
        return
    yield from _root(node)
    yield from _server(node)
    do = "write nodeinfo/stomp.toml, introduce the node again to every peer"
    yield from tried("node", "its address", do, lambda: _own_address(node))
    if node.type == CREDITORS and not read_line(node.folder / "creditors-subnet.txt"):
        yield Problem("node", "creditors-subnet.txt is missing", "node.sh mend it")


def _root(node: Node) -> Problems:
    do = "take root-ca.crt from your backup"
    try:
        root = read_certificate(node.root)
    except Refusal as refusal:
        yield Problem("node", f"root-ca.crt: {refusal}", do)
        return
    if root.subject != node.name or root.issuer != node.name:
        yield Problem("node", "root-ca.crt has another name than db/nodeid, db/nodetype", do)
    if not node.is_authority and id_of_key(root.key) != node.id:
        yield Problem("node", "db/nodeid does not come from the key of root-ca.crt", do)
    yield from dates("node", "root-ca.crt", root, "make a new node; every peer has to meet it")


def _server(node: Node) -> Problems:
    path, do = node.folder / "server.crt", "node.sh renew FOLDER server, restart STOMP"
    try:
        server = read_certificate(path)
        key = openssl("pkey", "-pubout", "-in", node.folder / "server.key").decode().strip()
    except Refusal as refusal:
        yield Problem("node", f"server.crt, server.key: {refusal}", do)
        return
    if key != server.key:
        yield Problem("node", "server.crt is not for the key server.key", do)
    if server.subject != node.name:
        yield Problem("node", "server.crt has another name than the node", do)
    yield from dates("node", "server.crt", server, do)
    what = "server.crt does not come from root-ca.crt"
    call = lambda: verify(path, "-no_check_time", trusted=node.root)  # noqa: E731
    yield from tried("node", what, do, call)


def _own_address(node: Node) -> None:
    content = read_bounded(node.folder / "nodeinfo" / "stomp.toml", BYTES_MAX)
    expected = f"/exchange/{EXCHANGES[node.type]}"
    if (told := read_address(content).destination) != expected:
        raise Refusal(f"its destination is {told}, and not {expected}, which STOMP wants")


# -- a peer -------------------------------------------------------------------


def of_peer(node: Node, peer: Peer) -> Problems:
    where, do = f"peer {peer.id}", "admit a bundle of the peer again"
    if not peer.root.exists() or not subnets.is_peer(node.type, peer.type):
        yield Problem(where, "its folder is not that of a peer of this node", "move it away")
        return
    try:
        root = read_certificate(peer.root)
    except Refusal as refusal:
        yield Problem(where, f"root-ca.crt: {refusal}", "take it from your backup")
        return
    yield from _peer_root(peer, root)
    yield from _issued_to(node, peer, root)
    yield from _issued_by(node, peer)
    yield from _subnet(node, peer)
    yield from tried(where, "its address", do, lambda: address_of(peer))
    for name in ("queues.txt", "nodeinfo/updated-at.txt"):
        if not read_line(peer.folder / name):
            yield Problem(where, f"{name} is missing", "node.sh mend it")
    if peer.state == "accepted":
        do = "run configure-queue, then node.sh activate"
        yield Problem(where, "it is not active", do, False)


def address_of(peer: Peer) -> list[tuple[str, int]]:
    content = read_bounded(peer.folder / "nodeinfo" / "stomp.toml", BYTES_MAX)
    return read_address(content).servers


def _peer_root(peer: Peer, root: Certificate) -> Problems:
    where = f"peer {peer.id}"
    if root.subject != peer.name or root.issuer != peer.name:
        yield Problem(where, "root-ca.crt has another name than the folder", "move it away")
    elif peer.type != AUTHORITIES and id_of_key(root.key) != peer.id:
        yield Problem(where, "its ID does not come from its key", "move it away")
    yield from dates(where, "root-ca.crt", root, "the peer has to make a new node")


def _issued_to(node: Node, peer: Peer, root: Certificate) -> Problems:
    """What it shows to our server."""
    if peer.state == "deactivated" and not peer.issued_to_it.exists():
        return
    where, do = f"peer {peer.id}", f"node.sh renew FOLDER {peer.id}, send it what this gives"
    try:
        certificate = read_certificate(peer.issued_to_it)
        verify(certificate.file, "-no_check_time", trusted=node.root)
    except Refusal as refusal:
        yield Problem(
            where, f"peercert.crt, which is to be issued by this node: {refusal}", "node.sh mend it"
        )
        return
    if (certificate.subject, certificate.key) != (peer.name, root.key):
        yield Problem(where, "peercert.crt has not the name and key of the peer", do)
    subnet = read_line(peer.folder / "subnet.txt") or None
    if node.is_authority and certificate.subnet != subnet:
        yield Problem(where, f"peercert.crt says the subnet {certificate.subnet}, not {subnet}", do)
    yield from dates(where, "peercert.crt", certificate, do)
    if not certificate.is_long and not peer.issued_by_it.exists():
        yield Problem(
            where, f"peercert.crt ends on {certificate.ends}: other people's nodes refuse that", do
        )


def _issued_by(node: Node, peer: Peer) -> Problems:
    """What we show to its server."""
    where, do = f"peer {peer.id}", "ask the peer for what it has issued to you, accept that"
    if not peer.issued_by_it.exists():
        if peer.state == "deactivated":
            return
        yield Problem(where, "sub-ca.crt is missing: it cannot be reached", do, False)
        return
    try:
        certificate = read_certificate(peer.issued_by_it)
        key = read_certificate(node.root).key
    except Refusal as refusal:
        yield Problem(where, f"sub-ca.crt: {refusal}", do)
        return
    if certificate.issuer == node.name:
        yield Problem(where, "sub-ca.crt and peercert.crt are exchanged", "node.sh mend it")
        return
    if (certificate.subject, certificate.key) != (node.name, key):
        yield Problem(where, "sub-ca.crt has not the name and key of this node", do)
    yield from dates(where, "sub-ca.crt", certificate, do)
    options = ("-no_check_time", "-untrusted", peer.issued_by_it)
    server = node.folder / "server.crt"
    what = "server.crt, sub-ca.crt and the root of the peer are no chain"
    yield from tried(where, what, do, lambda: verify(server, *options, trusted=peer.root))


def _subnet(node: Node, peer: Peer) -> Problems:
    where = f"peer {peer.id}"
    if not node.is_authority and not peer.issued_by_it.exists():
        return
    name = subnets.file_of(node, peer)
    subnet = read_line(node.folder / name)
    do = (
        "mend it by hand: its accounts have ids in a subnet"
        if node.is_authority
        else "accept again"
    )
    yield from tried(where, name, do, lambda: subnets.check(node, peer.id, subnet))
    if not node.is_authority:
        return
    for other in node.peers():
        theirs = read_line(other.folder / "subnet.txt")
        if other.id != peer.id and other.type == peer.type and overlap(subnet, theirs):
            yield Problem(where, f"its subnet {subnet} has ids of {other.id} in it", do)
    if not subnets.is_noted(node, peer):
        yield Problem(
            where, f"its subnet {subnet} is not reserved in db/subnets", "node.sh mend it"
        )


def overlap(one: str, other: str) -> bool:
    return bool(one and other) and (one.startswith(other) or other.startswith(one))


def of_folder(node: Node, peer_id: str = "") -> Problems:
    """All that is wrong in a folder, or what is with a peer."""
    problems = list(of_node(node))
    yield from problems
    if node.is_earlier:
        return
    for peer in node.peers() if not peer_id else [node.known_peer(peer_id)]:
        yield from of_peer(node, peer)


# -- told ---------------------------------------------------------------------


def described(node: Node) -> Iterator[str]:
    """The node and its peers, and until when their certificates are valid."""
    yield f"node {node.id} ({node.type}), fingerprint {read_certificate(node.root).fingerprint}"
    yield _until("root", node.root)
    yield _until("server", node.folder / "server.crt")
    for peer in node.peers():
        subnet = read_line(node.folder / subnets.file_of(node, peer)) or "none yet"
        yield f"peer {peer.id} ({peer.type}), subnet {subnet}: {peer.state}"
        yield _until("issued to it", peer.issued_to_it)
        yield _until("issued by it", peer.issued_by_it)


def _until(what: str, path: Path) -> str:
    if not path.exists():
        return f"  {what}: not there"
    try:
        return f"  {what}: until {read_certificate(path).ends:%Y-%m-%d}"
    except Refusal as refusal:
        return f"  {what}: {refusal}"


def ending_soon(node: Node) -> Iterator[str]:
    files = {"root": node.root, "server": node.folder / "server.crt"}
    for peer in node.peers():
        if peer.state != "deactivated":
            files[f"issued to {peer.id}"] = peer.issued_to_it
            files[f"issued by {peer.id}"] = peer.issued_by_it
    for what, path in files.items():
        if path.exists() and read_certificate(path).ends < datetime.now(UTC) + SOON:
            yield f"{what}: less than 30 days are left"
