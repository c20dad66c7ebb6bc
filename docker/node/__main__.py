"""A node's certificate authority, and what the node knows of its peers: node.sh COMMAND FOLDER …

  make FOLDER TYPE ADDRESS [ID]   a new node: accounting-authority (with an ID of 8 hexadecimal
                                  digits), creditors-agent or debtors-agent; ADDRESS is HOST:PORT
  introduce FOLDER                its info-bundle, a zip archive, on the standard output
  admit FOLDER BUNDLE             a new peer, or news of a known one: the certificate that is to be
                                  sent to the peer goes to the standard output
  accept FOLDER CERTIFICATE       take what a peer that was admitted has issued to this node
  activate FOLDER PEER            the queue of the peer is there: the servers let it in
  deactivate FOLDER PEER          end a peer, and leave what its drainer needs (also: revoke)
  queues FOLDER PEER COUNT        let so many queues, and clients, serve a peer
  renew FOLDER server|PEER        a new certificate for the node's server, or for a peer
  list FOLDER                     the peers, and until when each certificate is valid; exits with 1
                                  if one ends in less than 30 days
  check FOLDER [PEER] [--offline] [--broker URL]
                                  whatever keeps peers from being reached, and what to do about it;
                                  the URL is that of RabbitMQ's management
  mend FOLDER                     bring what an earlier node.sh has made into the form of today;
                                  what was there stays beside it, as FOLDER.before-mend

NODE_PASSPHRASE_FILE names a file with the passphrase of the root's key. NODE_DAYS is for how long
certificates are valid (by itself 365000 days, that of the server 365), NODE_KEY_BITS the size of
new keys (3072). Exit codes: 0 done; 1 refused, or something is wrong; 2 wrong arguments; 3 broken.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from . import bundle, checks, mending, network, peering, subnets
from .address import new_address
from .certificates import (
    AUTHORITIES,
    BYTES_MAX,
    CREDITORS,
    DEBTORS,
    Breakage,
    Name,
    Refusal,
    read_bounded,
)
from .folder import Node, open_node, write

TYPES = {
    "accounting-authority": AUTHORITIES,
    "creditors-agent": CREDITORS,
    "debtors-agent": DEBTORS,
}


def tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def give(content: bytes) -> None:
    sys.stdout.buffer.write(content)
    sys.stdout.flush()


def make(folder: str, kind: str, address: str, node_id: str = "") -> int:
    node = Node(Path(folder).resolve())
    if node.folder.exists():
        raise Refusal(f"{folder} exists already")
    if kind not in TYPES:
        raise Refusal(f"a node is one of {', '.join(TYPES)}, not: {kind}")
    stomp = new_address(TYPES[kind], address)
    if TYPES[kind] == AUTHORITIES:
        Name(AUTHORITIES, node_id).check()
    elif node_id:
        raise Refusal("the ID of an agent comes from its key")
    node.folder.mkdir(parents=True)
    try:
        node.make(TYPES[kind], node_id)
        write(node.folder / "nodeinfo" / "stomp.toml", stomp)
        node.prepare()
        if node.is_authority:
            subnets.prepare(node)
        peering.creditors_subnet(node)
        node.certify_itself()
        node.certify_server()
    except BaseException:
        shutil.rmtree(node.folder)
        raise
    tell(f"made the node {node.id} ({node.type})")
    return 0


def introduce(node: Node) -> int:
    if sys.stdout.isatty():
        raise Refusal("a bundle is no text: write it into a file, introduce FOLDER > FILE.zip")
    give(bundle.pack(node))
    return 0


def admit(node: Node, path: str) -> int:
    told = bundle.unpack(read_bounded(Path(path), bundle.BYTES_MAX))
    peer = peering.admit(node, told)
    what = (
        f", subnet {(peer.folder / 'subnet.txt').read_text().strip()}" if node.is_authority else ""
    )
    tell(f"the peer {peer.id} ({peer.type}){what} is {peer.state}; it is reached as it says here:")
    tell(told.stomp.decode().rstrip())
    if told.left_out:
        tell(f"not taken from the bundle: {', '.join(told.left_out[:10])}")
    tell(f"compare its fingerprint with what its operator tells you: {told.root.fingerprint}")
    give(peer.issued_to_it.read_bytes())
    return 0


def accept(node: Node, path: str) -> int:
    peer = peering.accept(node, read_bounded(Path(path), BYTES_MAX))
    tell(
        f"the peer {peer.id} is {peer.state}"
        + ("" if peer.state == "active" else "; make its queue (configure-queue), then activate it")
    )
    return 0


def activate(node: Node, peer_id: str) -> int:
    tell(f"the peer {peering.activate(node, peer_id).id} is active")
    return 0


def deactivate(node: Node, peer_id: str) -> int:
    peer = peering.deactivate(node, peer_id)
    tell(f"the peer {peer.id} is deactivated: stomp.sh ends its connections within 15 seconds, and")
    tell("starts its drainer; elsewhere restart the STOMP servers, which look at open connections")
    tell("once an hour, stop its clients, and let swpt-drainer empty its queues")
    return 0


def queues(node: Node, peer_id: str, count: str) -> int:
    peering.set_queues(node, peer_id, count)
    tell(f"the peer {peer_id} has {count} queues: make them (configure-queue); stomp.sh starts a")
    tell("client for each, elsewhere do it")
    return 0


def renew(node: Node, what: str) -> int:
    if what == "server":
        node.certify_server()
        tell("stomp.sh lets the STOMP programs show it within 15 seconds; elsewhere restart them")
        return 0
    peer = node.known_peer(what)
    give(node.certify_peer(peer, peer.name))
    return 0


def list_(node: Node) -> int:
    for line in checks.described(node):
        give(f"{line}\n".encode())
    soon = list(checks.ending_soon(node))
    for line in soon:
        tell(line)
    return int(bool(soon))


def check(node: Node, *words: str) -> int:
    parser = argparse.ArgumentParser("node.sh check FOLDER")
    parser.add_argument("peer", nargs="?", default="")
    parser.add_argument("--offline", action="store_true")
    parser.add_argument("--broker", default="")
    options = parser.parse_args(words)
    problems = list(checks.of_folder(node, options.peer))
    peers = [peer for peer in node.peers() if options.peer in ("", peer.id)]
    if not problems or all(not problem.is_of_the_form for problem in problems):
        if not options.offline:
            problems += network.of_itself(node)
            for peer in peers:
                problems += network.of_peer(node, peer)
        if options.broker:
            problems += network.of_broker(node, peers, options.broker)
    for problem in problems:
        give(f"{problem}\n".encode())
    if not problems:
        give(b"ok: nothing keeps the peers from being reached\n")
    return int(bool(problems))


def mend(node: Node) -> int:
    for line in mending.mend(node):
        tell(line)
    return 0


COMMANDS: dict[str, tuple[Callable[..., int], int, int]] = {
    "introduce": (introduce, 1, 1),
    "admit": (admit, 2, 2),
    "accept": (accept, 2, 2),
    "activate": (activate, 2, 2),
    "deactivate": (deactivate, 2, 2),
    "revoke": (deactivate, 2, 2),
    "queues": (queues, 3, 3),
    "renew": (renew, 2, 2),
    "list": (list_, 1, 1),
    "check": (check, 1, 5),
    "mend": (mend, 1, 1),
}
# They change nothing: a folder that cannot be written will do.
READERS = ("list", "check")


def run(command: str, words: list[str]) -> int:
    if command == "make" and len(words) in (3, 4):
        return make(*words)
    if command not in COMMANDS or not COMMANDS[command][1] <= len(words) <= COMMANDS[command][2]:
        tell((__doc__ or "").rstrip())
        return 2
    node = open_node(words[0])
    if command in READERS:
        return COMMANDS[command][0](node, *words[1:])
    if node.is_earlier and command != "mend":
        raise Refusal(f"an earlier node.sh has made {words[0]}: mend it first")
    with node.locked():
        return COMMANDS[command][0](node, *words[1:])


def main() -> int:
    try:
        return run(sys.argv[1] if len(sys.argv) > 1 else "", sys.argv[2:])
    except Refusal as refusal:
        tell(f"node.sh: {refusal}")
        return 1
    except (Breakage, OSError) as error:
        tell(f"node.sh: {error}")
        return 3


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
