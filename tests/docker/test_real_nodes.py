"""Nodes of `node.sh` and nodes of other people's scripts get to know each other."""

import zipfile
from pathlib import Path

import pytest

from agentkit.real_nodes import PASSPHRASE, RealNode
from tests.docker.nodes import node_sh, one_line, refused, run_node_sh
from tests.support.real import needs_real

pytestmark = needs_real
AUTHORITY_ID = "0000abcd"


@pytest.fixture(scope="module")
def agents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RealNode]:
    """A creditors agent and a debtors agent of other people."""
    folder = tmp_path_factory.mktemp("real")
    return {
        node_type: RealNode.made(folder / node_type[:7], node_type, "agent.example:1235")
        for node_type in ("Creditors Agents", "Debtors Agents")
    }


@pytest.fixture
def secret(tmp_path: Path) -> dict[str, str]:
    """The passphrase that the scripts are told on their terminal."""
    path = tmp_path / "passphrase"
    path.write_text(f"{PASSPHRASE}\n")
    return {"NODE_PASSPHRASE_FILE": str(path)}


def made(folder: Path, kind: str, *words: str, **environment: str) -> Path:
    node_sh("make", folder, kind, f"{folder.name}.example:1234", *words, **environment)
    return folder


def introduced(node: Path, to: Path, **environment: str) -> Path:
    to.write_bytes(node_sh("introduce", node, **environment))
    return to


def test_authority_and_agents_of_others_meet(agents: dict[str, RealNode], tmp_path: Path) -> None:
    authority = made(tmp_path / "authority", "accounting-authority", AUTHORITY_ID)
    bundle = introduced(authority, tmp_path / "authority.zip")
    for node_type, subnet in (("Creditors Agents", "000001"), ("Debtors Agents", "0000abcd00")):
        agent, ours = agents[node_type], tmp_path / "agent.crt"
        theirs = agent.certificate_for(bundle, AUTHORITY_ID)
        told = agent.bundle(tmp_path / f"{subnet}.zip")
        ours.write_bytes(node_sh("admit", authority, told))
        node_sh("accept", authority, theirs)
        agent.run("register-peer", ours)
        known, knows = authority / "peers" / agent.id, agent.peer(AUTHORITY_ID)
        assert (known / "sub-ca.crt").read_bytes() == theirs.read_bytes()
        assert (knows / "sub-ca.crt").read_bytes() == ours.read_bytes()
        assert (known / "root-ca.crt").read_bytes() == (agent.folder / "root-ca.crt").read_bytes()
        place = "masq-subnet.txt" if node_type == "Creditors Agents" else "../../debtors-subnet.txt"
        assert one_line(known / "subnet.txt") == one_line(knows / place) == subnet
        node_sh("activate", authority, agent.id)
        # What is known is not made anew, and what is older is not taken.
        assert node_sh("admit", authority, told) == ours.read_bytes()
        # (their folder has the authority's bundle as it was, and takes none of the same day)
        agent.run("sign-peercert", bundle)
    assert node_sh("check", authority, "--offline").startswith(b"ok")


def test_agents_of_ours_and_authority_of_others_meet(tmp_path: Path) -> None:
    authority = RealNode.made(
        tmp_path / "real", "Accounting Authorities", "real.example:1", "0000dcba"
    )
    bundle = authority.bundle(tmp_path / "real.zip")
    for kind, subnet in (("creditors-agent", "000001"), ("debtors-agent", "0000dcba00")):
        agent = made(tmp_path / kind, kind)
        agent_id = one_line(agent / "db" / "nodeid")
        ours = tmp_path / f"{kind}.crt"
        ours.write_bytes(node_sh("admit", agent, bundle))
        theirs = authority.certificate_for(introduced(agent, tmp_path / f"{kind}.zip"), agent_id)
        node_sh("accept", agent, theirs)
        authority.run("register-peer", ours)
        assert one_line(authority.peer(agent_id) / "subnet.txt") == subnet
        node_sh("activate", agent, "0000dcba")
        assert node_sh("check", agent, "--offline").startswith(b"ok")
    assert one_line(agent / "debtors-subnet.txt") == subnet


def test_both_work_on_the_folder_of_an_authority(
    agents: dict[str, RealNode], tmp_path: Path, secret: dict[str, str]
) -> None:
    folder = made(tmp_path / "authority", "accounting-authority", AUTHORITY_ID, **secret)
    both = RealNode(folder)
    both.run("init-ca")
    # In turn, each takes the next subnet.
    for number in range(1, 5):
        name = f"agent{number}"
        agent = made(tmp_path / name, "creditors-agent")
        bundle = introduced(agent, tmp_path / f"{name}.zip")
        agent_id = one_line(agent / "db" / "nodeid")
        if number % 2:
            both.run("sign-peercert", bundle)
            assert run_node_sh("admit", folder, bundle).returncode == 0
        else:
            node_sh("admit", folder, bundle, **secret)
            both.run("sign-peercert", bundle)
        assert one_line(both.peer(agent_id) / "subnet.txt") == f"00000{number}"
        assert one_line(folder / "db" / "subnets" / "creditors" / "SEQNUM") == str(number)
        told = introduced(folder, tmp_path / "ours.zip", **secret)
        issued = tmp_path / "issued.crt"
        issued.write_bytes(node_sh("admit", agent, told))
        if number % 2:
            node_sh("accept", folder, issued)
            both.run("register-peer", issued)
        else:
            both.run("register-peer", issued)
            node_sh("accept", folder, issued)
        assert f"- {agent_id}/" in (folder / "peers" / "kustomization.yaml").read_text()
        node_sh("activate", folder, agent_id)
    (folder / "server.crt").unlink()
    both.run("generate-serverkey", tmp_path / "key", tmp_path / "csr")
    both.run("sign-servercert", tmp_path / "csr", folder / "server.crt")
    (tmp_path / "key").replace(folder / "server.key")
    assert node_sh("check", folder, "--offline").startswith(b"ok")
    node_sh("renew", folder, "server", **secret)
    # More queues, and the end of a peer, in the manifests of both.
    manifest = both.peer(agent_id) / "kustomization.yaml"
    both.run("reconfigure-peer", agent_id, "2")
    assert "between 2" in refused("queues", folder, agent_id, "1")
    node_sh("queues", folder, agent_id, "3")
    assert "value: 3" in manifest.read_text()
    node_sh("deactivate", folder, agent_id)
    assert "value: swpt-drainer" in manifest.read_text()
    day = one_line(both.peer(agent_id) / "DEACTIVATED")
    both.run("reconfigure-peer", agent_id, "--deactivate")
    assert one_line(both.peer(agent_id) / "DEACTIVATED") == day
    lines = (folder / "db" / "index").read_text().splitlines()
    serials = [line.split("\t")[3] for line in lines]
    assert len(set(serials)) == len(serials) == len(list((folder / "certs").iterdir()))


def test_news_go_both_ways(agents: dict[str, RealNode], tmp_path: Path) -> None:
    agent = agents["Creditors Agents"]
    authority = made(tmp_path / "authority", "accounting-authority", "0000beef")
    node_sh("admit", authority, agent.bundle(tmp_path / "first.zip"))
    agent.run("sign-peercert", introduced(authority, tmp_path / "ours.zip"))
    for folder in (agent.folder, authority):
        path = folder / "nodeinfo" / "stomp.toml"
        path.write_text(path.read_text().replace('"]', '", "second.example:1"]'))
    (agent.folder / "nodeinfo" / "contacts.txt").write_text("x")
    told = run_node_sh("admit", authority, agent.bundle(tmp_path / "second.zip"))
    assert b"not taken from the bundle: 'contacts.txt'" in told.stderr
    known = authority / "peers" / agent.id / "nodeinfo"
    assert "second.example" in (known / "stomp.toml").read_text()
    assert sorted(path.name for path in known.iterdir()) == ["stomp.toml", "updated-at.txt"]
    # On the next day, as far as they know.
    knows = agent.peer("0000beef") / "nodeinfo"
    (knows / "updated-at.txt").write_text("2024-01-01\n")
    agent.run("sign-peercert", introduced(authority, tmp_path / "later.zip"))
    assert "second.example" in (knows / "stomp.toml").read_text()


def test_what_is_in_a_bundle(tmp_path: Path) -> None:
    agent = made(tmp_path / "agent", "creditors-agent")
    (agent / "nodeinfo" / "more").mkdir()
    (agent / "nodeinfo" / "more" / "contacts.txt").write_text("x")
    (agent / "nodeinfo" / ".hidden").write_text("x")
    with zipfile.ZipFile(introduced(agent, tmp_path / "bundle.zip")) as bundle:
        names = {info.filename: info.compress_type for info in bundle.infolist()}
        with zipfile.ZipFile(bundle.open("nodeinfo.zip")) as inner:
            told = sorted(inner.namelist())
    assert names == {
        "root-ca.crt": zipfile.ZIP_DEFLATED,
        "root-ca.csr": zipfile.ZIP_DEFLATED,
        "nodeinfo.zip": zipfile.ZIP_STORED,
        "nodeinfo.signature": zipfile.ZIP_STORED,
    }
    assert told == ["more/contacts.txt", "stomp.toml", "updated-at.txt"]
