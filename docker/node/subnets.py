"""The ranges of ids that an authority gives to its agents, and who has which."""

import re
from collections.abc import Iterator
from pathlib import Path

from .certificates import AUTHORITIES, CREDITORS, DEBTORS, Refusal
from .folder import Node, Peer, read_line, read_number, write

# The folder of the reservations, the digits that are counted, and the number before the first one.
_PLACES = {True: ("creditors", 6, 0), False: ("debtors", 2, -1)}


def prepare(node: Node) -> None:
    """What counts the subnets that an authority gives."""
    for place, _, before in _PLACES.values():
        folder = node.folder / "db" / "subnets" / place
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "SEQNUM").exists():
            write(folder / "SEQNUM", str(before))


def reserve(node: Node, node_type: str, peer_id: str) -> Path:
    """The next subnet that nobody has: a file with its name, which says that this peer has it."""
    prepare(node)
    place, digits, _ = _PLACES[node_type == CREDITORS]
    folder = node.folder / "db" / "subnets" / place
    prefix = "" if node_type == CREDITORS else node.id
    taken = [read_line(p.folder / "subnet.txt") for p in node.peers() if p.type == node_type]
    for number in range(read_number(folder / "SEQNUM", -1) + 1, 16**digits):
        subnet = f"{prefix}{number:0{digits}x}"
        path = folder / subnet
        if any(map(subnet.startswith, taken)) or any(s.startswith(subnet) for s in taken):
            continue
        # Other people's scripts make the file so that only one of two gets it; and so does this.
        try:
            with path.open("x") as file:
                file.write(f"{peer_id}\n")
        except FileExistsError:
            continue
        return path
    raise Refusal(f"there is no subnet left for another one of the {node_type}")


def count(reservation: Path) -> None:
    """The next one comes after it."""
    digits = 2 if reservation.parent.name == "debtors" else 6
    write(reservation.with_name("SEQNUM"), str(int(reservation.name[-digits:], 16)))


def note(node: Node, peer: Peer) -> None:
    """Reserve what a peer has already, however it was chosen."""
    prepare(node)
    for path in _reservations(node, peer):
        if not path.exists():
            write(path, peer.id)


def is_noted(node: Node, peer: Peer) -> bool:
    return all(read_line(path) == peer.id for path in _reservations(node, peer))


def _reservations(node: Node, peer: Peer) -> list[Path]:
    place, digits, _ = _PLACES[peer.type == CREDITORS]
    length = digits if peer.type == CREDITORS else len(node.id) + digits
    subnet = read_line(peer.folder / "subnet.txt")
    return [node.folder / "db" / "subnets" / place / whole for whole in _wholes(subnet, length)]


def _wholes(subnet: str, length: int) -> Iterator[str]:
    """The subnets of this length that have ids in common with it."""
    missing = length - len(subnet)
    if missing <= 0:
        yield subnet[:length]
        return
    for number in range(16**missing):
        yield f"{subnet}{number:0{missing}x}"


def file_of(node: Node, peer: Peer) -> str:
    """The path, in the folder of the node, of the file with the subnet that the peer's ids have."""
    if node.is_authority:
        return f"peers/{peer.id}/subnet.txt"
    return f"peers/{peer.id}/masq-subnet.txt" if node.type == CREDITORS else "debtors-subnet.txt"


def check(node: Node, peer_id: str, subnet: str) -> None:
    """Raise `Refusal` unless this may be the subnet of the peer, or of this agent at the peer."""
    node_type = node.type if not node.is_authority else node.peer(peer_id).type
    if not re.fullmatch("([0-9a-f]{2}){3,8}", subnet):
        raise Refusal(f"a subnet has 6 to 16 hexadecimal digits, an even number, not: {subnet!r}")
    if node_type == CREDITORS:
        own = read_line(node.folder / "creditors-subnet.txt") or "0" * 6
        if len(subnet) != len(own):
            raise Refusal(f"the subnet {subnet} has not as many digits as the {own} of this agent")
        return
    authority = node.id if node.is_authority else peer_id
    if not subnet.startswith(authority):
        raise Refusal(
            f"the subnet {subnet} does not begin with the ID of the authority {authority}"
        )


def is_peer(node_type: str, peer_type: str) -> bool:
    """Whether two types of nodes may be peers."""
    return peer_type in ((CREDITORS, DEBTORS) if node_type == AUTHORITIES else (AUTHORITIES,))
