"""Folders of nodes that know each other, made with the program that is shipped."""

import os
import subprocess
from pathlib import Path

from agentkit.processes import ROOT
from agentkit.real_nodes import id_of


def node(*words: str | Path) -> bytes:
    """What a command of docker/node.sh prints. Keys are short, to be made quickly."""
    command = [str(ROOT / "docker" / "node.sh"), *map(str, words)]
    environment = {**os.environ, "NODE_KEY_BITS": "2048"}
    return subprocess.run(command, env=environment, check=True, capture_output=True).stdout


def make_authority(folder: Path, address: str, node_id: str) -> None:
    """The folder of an accounting authority."""
    node("make", folder, "accounting-authority", address, node_id)


def admit_agent(authority: Path, folder: Path, address: str) -> None:
    """The folder of a creditors agent, which the authority knows, and takes as active."""
    sent = folder.parent / "sent"
    node("make", folder, "creditors-agent", address)
    certificates = {}
    for one, other in ((authority, folder), (folder, authority)):
        sent.write_bytes(node("introduce", one))
        certificates[one] = node("admit", other, sent)
    for one, certificate in certificates.items():
        sent.write_bytes(certificate)
        node("accept", one, sent)
    node("activate", authority, id_of(folder))
