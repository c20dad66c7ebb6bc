"""A folder of an earlier node.sh becomes one that real nodes understand.

The earlier one had `sub-ca.crt` and `peercert.crt` exchanged, certificates of five years, and none
of the files that only other people's programs read. Everything happens in a copy, which takes the
place of the folder when nothing is wrong with it.
"""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from . import checks, peering, subnets
from .certificates import CREDITORS, Breakage, Refusal, read_certificate
from .folder import Node, Peer, read_line, today, write

# Older than any bundle, so that each one is news.
_LONG_AGO = "1970-01-01"


def mend(node: Node) -> list[str]:
    """What the operator has to know and to do. Raises `Refusal`, and then nothing has changed."""
    backup = node.folder.with_name(f"{node.folder.name}.before-mend")
    copy = Node(node.folder.with_name(f".{node.folder.name}.mended"))
    if backup.exists():
        raise Refusal(f"{backup} exists already: move it away")
    if not _problems(node):
        return ["there is nothing to mend"]
    shutil.rmtree(copy.folder, ignore_errors=True)
    try:
        _copy(node.folder, copy.folder)
        told = list(_mend(copy))
        if problems := _problems(copy):
            raise Refusal(f"it cannot be mended by itself: {problems[0]}")
        _exchange(node.folder, copy.folder, backup)
    finally:
        shutil.rmtree(copy.folder, ignore_errors=True)
    return [
        *told,
        f"what was there is in {backup}; whoever has the folder open has to open it again",
    ]


def _exchange(folder: Path, copy: Path, backup: Path) -> None:
    folder.rename(backup)
    try:
        copy.rename(folder)
    except OSError:
        backup.rename(folder)
        raise
    # The keys in what was there are not to get into a repository by accident.
    write(backup / ".gitignore", "*")


def _problems(node: Node) -> list[checks.Problem]:
    return [problem for problem in checks.of_folder(node) if problem.is_of_the_form]


def _copy(folder: Path, copy: Path) -> None:
    result = subprocess.run(["cp", "-a", folder, copy], capture_output=True, check=False)
    if result.returncode:
        raise Breakage(
            f"{folder} cannot be copied: {result.stderr.decode(errors='replace').strip()}"
        )


def _mend(node: Node) -> Iterator[str]:
    if node.is_earlier:
        (node.folder / "db" / "issued").rename(node.folder / "certs")
        write(node.folder / "db" / "crlnumber", "1001")
    shutil.rmtree(node.folder / "requests", ignore_errors=True)
    (node.folder / "root-ca.crl").unlink(missing_ok=True)
    for folder in ("certs", "nodeinfo", "peers"):
        (node.folder / folder).mkdir(exist_ok=True)
    node.prepare()
    _mend_subnets(node)
    for peer in node.peers():
        yield from _mend_peer(node, peer)
    yield from _mend_root(node)


def _mend_subnets(node: Node) -> None:
    """An agent knew one subnet, in the folder of each authority."""
    if node.is_authority:
        for peer in node.peers():
            subnets.note(node, peer)
        return
    known = [read_line(peer.folder / "subnet.txt") for peer in node.peers()]
    if node.type == CREDITORS and len(set(known)) == 1 and known[0]:
        write(node.folder / "creditors-subnet.txt", known[0])
    peering.creditors_subnet(node)
    for peer, subnet in zip(node.peers(), known, strict=True):
        if subnet:
            write(node.folder / subnets.file_of(node, peer), subnet)
            (peer.folder / "subnet.txt").unlink()


def _mend_peer(node: Node, peer: Peer) -> Iterator[str]:
    for name, line in (("queues.txt", "1"), ("nodeinfo/updated-at.txt", _LONG_AGO)):
        if not (peer.folder / name).exists():
            write(peer.folder / name, line)
    found = _by_issuer(node, peer)
    if not found and not peer.issued_to_it.exists():
        # It was revoked: it is not certified again.
        if not (peer.folder / "DEACTIVATED").exists():
            write(peer.folder / "DEACTIVATED", today())
        yield f"the peer {peer.id} was revoked: it is deactivated"
        return
    for path, mine in ((peer.issued_to_it, True), (peer.issued_by_it, False)):
        path.unlink(missing_ok=True)
        if mine in found:
            write(path, found[mine])
    if not peer.issued_by_it.exists():
        (peer.folder / "ACTIVE").unlink(missing_ok=True)
    yield from _mend_issued(node, peer)


def _by_issuer(node: Node, peer: Peer) -> dict[bool, bytes]:
    """The certificates in the folder of a peer: what this node has issued is at True."""
    found = {}
    for path in (peer.issued_to_it, peer.issued_by_it):
        if path.exists():
            certificate = read_certificate(path)
            if certificate.issuer not in (node.name, peer.name):
                raise Refusal(f"neither this node nor the peer has issued {path}")
            found[certificate.issuer == node.name] = certificate.file
    return found


def _mend_issued(node: Node, peer: Peer) -> Iterator[str]:
    """Real nodes want a certificate that is valid for centuries."""
    if peer.issued_to_it.exists() and read_certificate(peer.issued_to_it).is_long:
        return
    node.certify_peer(peer, peer.name)
    yield f"send peers/{peer.id}/peercert.crt to the peer, which has to accept it: it is a new one"


def _mend_root(node: Node) -> Iterator[str]:
    """Peers keep the certificate of a root byte for byte, from when they have certified it."""
    root = read_certificate(node.root)
    if root.is_long:
        return
    if any(peer.issued_by_it.exists() for peer in node.peers()):
        yield f"root-ca.crt stays, as peers have it; all ends with it, on {root.ends:%Y-%m-%d}"
        return
    node.certify_itself()
    yield "root-ca.crt is a new one, for the same key: it was not known to anybody"
