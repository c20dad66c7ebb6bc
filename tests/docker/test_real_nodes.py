"""Nodes of `node.sh` and nodes of other people's scripts get to know each other."""

import subprocess
from pathlib import Path

import pytest

from tests.docker.processes import DOCKER
from tests.docker.real import RealNode, needs_real

pytestmark = needs_real
AUTHORITY_ID = "0000abcd"


def node_sh(*words: str | Path) -> bytes:
    result = subprocess.run([DOCKER / "node.sh", *words], capture_output=True, check=False)
    assert result.returncode == 0, result.stderr.decode()
    return result.stdout


@pytest.mark.parametrize("node_type", ["Creditors Agents", "Debtors Agents"])
def test_authority_and_agent_of_others_meet(tmp_path: Path, node_type: str) -> None:
    authority = tmp_path / "authority"
    node_sh("make", authority, "accounting-authority", "authority.example:1234", AUTHORITY_ID)
    agent = RealNode.made(tmp_path / "agent", node_type, "agent.example:1235")
    bundle = tmp_path / "authority.zip"
    bundle.write_bytes(node_sh("introduce", authority))
    theirs = agent.certificate_for(bundle, AUTHORITY_ID)
    ours = tmp_path / "agent.crt"
    ours.write_bytes(node_sh("admit", authority, agent.bundle(tmp_path / "agent.zip")))
    node_sh("accept", authority, theirs)
    agent.run("register-peer", ours)
    assert (authority / "peers" / agent.id / "sub-ca.crt").read_bytes() == theirs.read_bytes()
