"""The life of a peer: it is admitted, accepted, active, deactivated."""

import os
import re
import shutil
import subprocess

from . import subnets
from .bundle import Introduction
from .certificates import CREDITORS, DEBTORS, Certificate, Refusal, read_certificate, verify
from .folder import Node, Peer, read_line, read_number, today, write

QUEUES_MAX = 99


def admit(node: Node, told: Introduction) -> Peer:
    """A new peer, or news of a known one."""
    if told.name.id == node.id or not subnets.is_peer(node.type, told.name.type):
        raise Refusal(f"one of the {told.name.type} is no peer of one of the {node.type}")
    peer = node.peer(told.name.id)
    if peer.folder.exists():
        _take_news(peer, told)
        if not peer.issued_to_it.exists():
            node.certify_peer(peer, told.name)
        write_manifest(node, peer)
        return peer
    if node.type == DEBTORS and node.peers():
        raise Refusal("a debtors agent has one authority only, and this one has it already")
    return _new_peer(node, told)


def _take_news(peer: Peer, told: Introduction) -> None:
    known = read_certificate(peer.root)
    if (known.key, known.subject) != (told.root.key, told.name):
        raise Refusal(f"the peer {peer.id} is known with another key: this may be somebody else")
    date = read_line(peer.folder / "nodeinfo" / "updated-at.txt")
    if told.updated_at < date:
        raise Refusal(f"this is of {told.updated_at}, but what is known of {peer.id} is of {date}")
    if known.file != told.root.file:
        write(peer.root, told.root.file)
    _write_nodeinfo(peer, told)


def _write_nodeinfo(peer: Peer, told: Introduction) -> None:
    (peer.folder / "nodeinfo").mkdir(exist_ok=True)
    write(peer.folder / "nodeinfo" / "stomp.toml", told.stomp)
    write(peer.folder / "nodeinfo" / "updated-at.txt", told.updated_at)


def _new_peer(node: Node, told: Introduction) -> Peer:
    peer = node.peer(told.name.id)
    new = Peer(peer.folder.with_name(f".{peer.id}.new"))
    shutil.rmtree(new.folder, ignore_errors=True)
    new.folder.mkdir(parents=True)
    write(new.root, told.root.file)
    write(new.folder / "nodetype.txt", told.name.type)
    write(new.folder / "queues.txt", "1")
    _write_nodeinfo(new, told)
    taken = subnets.reserve(node, told.name.type, peer.id) if node.is_authority else None
    try:
        if taken:
            write(new.folder / "subnet.txt", taken.name)
        node.certify_peer(new, told.name)
        new.folder.rename(peer.folder)
    except BaseException:
        shutil.rmtree(new.folder)
        if taken:
            taken.unlink()
        raise
    if taken:
        subnets.count(taken)
    return peer


def accept(node: Node, content: bytes) -> Peer:
    """Take what a peer has issued to this node: the peer is registered then."""
    certificate = read_certificate(content)
    peer = _issuer(node, certificate)
    _check_subnet(node, peer, certificate)
    if not peer.issued_by_it.exists():
        write_manifest(node, peer)
    if certificate.subnet and not node.is_authority:
        write(node.folder / subnets.file_of(node, peer), certificate.subnet)
    write(peer.issued_by_it, content)
    return peer


def _issuer(node: Node, certificate: Certificate) -> Peer:
    """The peer that has issued a certificate to this node."""
    own = read_certificate(node.root)
    if certificate.subject != node.name:
        raise Refusal("it is not for the name of this node")
    if certificate.key != own.key:
        raise Refusal("it is not for the key of this node")
    if not certificate.is_authority:
        raise Refusal("it is not a certificate of a certificate authority")
    if certificate.issuer is None or not node.peer(certificate.issuer.id).root.exists():
        raise Refusal("no peer that is known has issued it: admit the peer first")
    peer = node.peer(certificate.issuer.id)
    try:
        verify(certificate.file, trusted=peer.root)
    except Refusal as refusal:
        raise Refusal(
            f"the peer {peer.id} has not issued it, or it is not valid: {refusal}"
        ) from None
    return peer


def _check_subnet(node: Node, peer: Peer, certificate: Certificate) -> None:
    if node.is_authority:
        return  # it has chosen the subnet itself
    if certificate.subnet is None:
        raise Refusal("the comment in it names no subnet")
    subnets.check(node, peer.id, certificate.subnet)
    known = read_line(node.folder / subnets.file_of(node, peer))
    if peer.issued_by_it.exists() and known != certificate.subnet:
        raise Refusal(f"its subnet is {certificate.subnet}, and not {known} as before")


def registered(node: Node, peer_id: str) -> Peer:
    peer = node.known_peer(peer_id)
    if not peer.issued_by_it.exists():
        raise Refusal(f"the peer {peer_id} is not registered: accept what it has issued first")
    return peer


def activate(node: Node, peer_id: str) -> Peer:
    """Its queue is there: let the servers know it."""
    peer = registered(node, peer_id)
    write(peer.folder / "ACTIVE", b"")
    (peer.folder / "DEACTIVATED").unlink(missing_ok=True)
    write_manifest(node, peer)
    return peer


def deactivate(node: Node, peer_id: str) -> Peer:
    """End a peer. Everything that a drainer reads stays."""
    peer = registered(node, peer_id)
    if not (peer.folder / "DEACTIVATED").exists():
        write(peer.folder / "DEACTIVATED", today())
    write_manifest(node, peer)
    return peer


def set_queues(node: Node, peer_id: str, count: str) -> Peer:
    peer = registered(node, peer_id)
    known = read_number(peer.folder / "queues.txt", 1)
    if not re.fullmatch("[0-9]{1,2}", count) or not known <= int(count) <= QUEUES_MAX:
        raise Refusal(f"the number of queues is between {known}, the present one, and {QUEUES_MAX}")
    write(peer.folder / "queues.txt", str(int(count)))
    write_manifest(node, peer)
    return peer


def write_manifest(node: Node, peer: Peer) -> None:
    """Let the script for Kubernetes do its part, if other people's scripts are in the folder."""
    script = node.folder / "peers" / "create-peer-manifest"
    if not os.access(script, os.X_OK):
        return
    result = subprocess.run(
        [script, peer.id], cwd=script.parent, capture_output=True, check=False, timeout=60
    )
    if result.returncode:
        said = " ".join((result.stderr or result.stdout).decode(errors="replace").split())
        raise Refusal(f"{script} has failed: {said}")


def creditors_subnet(node: Node) -> None:
    """A creditors agent has a range of its own, which its authorities see as another one."""
    path = node.folder / "creditors-subnet.txt"
    if node.type == CREDITORS and not path.exists():
        write(path, "000001")
