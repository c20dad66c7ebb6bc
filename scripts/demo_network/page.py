"""The commands of docs/how-to/join-the-network.md, as they stand there."""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from agentkit.processes import ROOT
from agentkit.waiting import KitError

PAGE = ROOT / "docs" / "how-to" / "join-the-network.md"
AUTHORITY_ID = "1000abcd"
AUTHORITY, AGENT = "authority", "agent"
"""The folders of the nodes in the examples."""
ADDRESSES = {AUTHORITY: "authority.example:1234", AGENT: "agent.example:1234"}
_SECONDS_MAX = 120.0


def commands(first: str, last: str) -> list[str]:
    """The lines of the shell in some sections, which are named by their titles."""
    text = PAGE.read_text()
    sections = text[text.index(f"## {first}\n") : text.index("\n## ", text.index(f"## {last}\n"))]
    blocks = re.findall(r"^```sh\n(.*?)^```$", sections, re.M | re.S)
    return "".join(blocks).replace("\\\n", "").splitlines()


def is_of(command: str, node: str) -> bool:
    """Whether it is given by who has this node."""
    return re.search(rf"docker/node\.sh [a-z]+ {node}\b", command) is not None


class Shell:
    """A shell in a folder from which `docker/node.sh` is seen; its variables stay."""

    def __init__(self, folder: Path, addresses: Mapping[str, str]) -> None:
        """The addresses are those of the nodes, in place of those on the page."""
        self.folder = folder
        self._addresses = addresses
        self._variables = ""
        if not (folder / "docker").exists():
            (folder / "docker").symlink_to(ROOT / "docker")

    def run(self, command: str) -> str:
        """What it says. Raises `KitError` if it fails."""
        for node, address in self._addresses.items():
            command = command.replace(ADDRESSES[node], address)
        if re.match(r"\w+=", command):
            self._variables += f"{command}\n"
        done = subprocess.run(
            ["sh", "-euc", f"{self._variables}{command}"],
            cwd=self.folder,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS_MAX,
            check=False,
        )
        if done.returncode:
            raise KitError(f"this has failed: {command}\n{done.stdout}")
        return done.stdout
