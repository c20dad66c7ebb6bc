"""Nodes that meet by docs/how-to/let-nodes-meet.md, and what is refused."""

import os
import re
import shutil
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from agentkit.processes import ROOT
from tests.docker.nodes import context, handshake, one_line, openssl
from tests.docker.processes import DOCKER

DOCUMENT = ROOT / "docs" / "how-to" / "let-nodes-meet.md"
AUTHORITY_ID = "0000abcd"
SUBNET = "00000a"
# It takes long to make greater keys.
ENVIRONMENT = {**os.environ, "NODE_KEY_BITS": "2048"}


def node_sh(*words: str | Path, environment: dict[str, str] | None = None) -> str:
    """What it says on its standard output. It has to succeed."""
    result = subprocess.run(
        [DOCKER / "node.sh", *words],
        env={**ENVIRONMENT, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def refused(*words: str | Path, environment: dict[str, str] | None = None) -> str:
    """What it says in a line when it refuses."""
    result = subprocess.run(
        [DOCKER / "node.sh", *words],
        env={**ENVIRONMENT, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout) == (1, "")
    return result.stderr


def blocks_of(title: str) -> str:
    """The commands of a section of the page."""
    section = DOCUMENT.read_text().partition(f"## {title}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```sh\n(.*?)^```$", section, re.M | re.S)
    assert blocks, title
    return "".join(blocks)


def follow(title: str, folder: Path) -> None:
    script = "set -eu\n" + blocks_of(title)
    result = subprocess.run(
        ["sh", "-c", script],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two nodes that have met: `authority` and `agent`, as the page makes them."""
    folder = tmp_path_factory.mktemp("network")
    (folder / "docker").symlink_to(DOCKER)
    follow("1. Make a node", folder)
    for _ in range(2):  # each may be done again
        follow("2. Introduce yourselves", folder)
        follow("3. Admit each other", folder)
    return folder


@pytest.fixture
def network(made: Path, tmp_path: Path) -> Path:
    """A copy, to be changed."""
    shutil.copytree(made, tmp_path / "network", symlinks=True)
    return tmp_path / "network"


def meet(server: Path, client: Path, folder: Path) -> tuple[str, str]:
    """Who each has seen, in a handshake."""
    contexts = []
    for side, own, other in (
        (ssl.PROTOCOL_TLS_SERVER, server, client),
        (ssl.PROTOCOL_TLS_CLIENT, client, server),
    ):
        issued = own / "peers" / one_line(other / "db" / "nodeid") / "peercert.crt"
        chain = [own / "server.crt", issued]
        contexts.append(context(side, own, chain, trusted=own / "root-ca.crt", folder=folder))
    return handshake(*contexts)


def verified(node: Path, issued: Path) -> str:
    """What openssl says of a certificate that the node has issued, and may have revoked."""
    result = subprocess.run(
        [
            *("openssl", "verify", "-x509_strict", "-crl_check", "-CAfile", node / "root-ca.crt"),
            *("-CRLfile", node / "root-ca.crl", issued),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout + result.stderr


def test_nodes_that_have_met_trust_each_other(made: Path, tmp_path: Path) -> None:
    authority, agent = made / "authority", made / "agent"
    agent_id = one_line(agent / "db" / "nodeid")
    assert (authority / "peers" / agent_id / "ACTIVE").exists()
    assert (agent / "peers" / AUTHORITY_ID / "ACTIVE").exists()
    assert one_line(authority / "peers" / agent_id / "subnet.txt") == SUBNET
    assert meet(authority, agent, tmp_path) == (agent_id, AUTHORITY_ID)
    assert meet(agent, authority, tmp_path) == (AUTHORITY_ID, agent_id)


def test_third_node_joins(network: Path, tmp_path: Path) -> None:
    authority, third = network / "authority", network / "third"
    node_sh("make", third, "debtors-agent", "third.example:1234")
    for one, other in ((authority, third), (third, authority)):
        introduction = tmp_path / "introduction"
        introduction.write_text(node_sh("introduce", one))
        (tmp_path / one.name).write_text(node_sh("admit", other, introduction, f"{AUTHORITY_ID}01"))
    node_sh("accept", authority, tmp_path / "authority")
    node_sh("accept", third, tmp_path / "third")
    third_id = one_line(third / "db" / "nodeid")
    assert meet(authority, third, tmp_path) == (third_id, AUTHORITY_ID)
    agent = network / "agent"
    assert meet(authority, agent, tmp_path) == (one_line(agent / "db" / "nodeid"), AUTHORITY_ID)
    told = node_sh("list", authority)
    assert f"peer {third_id} (Debtors Agents), subnet {AUTHORITY_ID}01: active" in told


def test_renewing(network: Path, tmp_path: Path) -> None:
    authority, agent = network / "authority", network / "agent"
    agent_id = one_line(agent / "db" / "nodeid")
    before = (authority / "server.crt").read_text()
    follow("4. Renew", network)
    assert (authority / "server.crt").read_text() != before
    assert meet(authority, agent, tmp_path) == (agent_id, AUTHORITY_ID)


def test_certificate_that_ends_soon_is_told(network: Path) -> None:
    node_sh("renew", network / "authority", "server", environment={"NODE_DAYS": "20"})
    result = subprocess.run(
        [DOCKER / "node.sh", "list", network / "authority"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr == "  server: less than 30 days are left\n"


def test_revoked_peer_is_let_in_only_when_it_is_admitted_again(
    network: Path, tmp_path: Path
) -> None:
    authority, agent = network / "authority", network / "agent"
    agent_id = one_line(agent / "db" / "nodeid")
    known = authority / "peers" / agent_id
    certificates = [tmp_path / "first.crt", tmp_path / "second.crt"]
    certificates[0].write_text((known / "sub-ca.crt").read_text())
    certificates[1].write_text(node_sh("renew", authority, agent_id))
    for certificate in certificates:
        assert verified(authority, certificate) == f"{certificate}: OK\n"
    node_sh("revoke", authority, agent_id)
    assert not (known / "ACTIVE").exists()
    assert f"peer {agent_id} (Creditors Agents), subnet {SUBNET}: revoked" in node_sh(
        "list", authority
    )
    lines = (authority / "db" / "index").read_text().splitlines()
    assert sum(line.startswith("R") for line in lines) == 3  # it was admitted twice
    for certificate in certificates:
        assert "certificate revoked" in verified(authority, certificate)
    node_sh("revoke", authority, agent_id)  # again: no harm

    introduction = tmp_path / "introduction"
    introduction.write_text(node_sh("introduce", agent))
    certificate = tmp_path / "again.crt"
    certificate.write_text(node_sh("admit", authority, introduction, SUBNET))
    node_sh("accept", authority, agent_certificate(network))
    node_sh("accept", agent, certificate)
    assert meet(authority, agent, tmp_path) == (agent_id, AUTHORITY_ID)
    assert verified(authority, certificate) == f"{certificate}: OK\n"


def agent_certificate(network: Path) -> Path:
    """What the agent has issued to the authority."""
    return network / "agent" / "peers" / AUTHORITY_ID / "sub-ca.crt"


def test_key_with_a_passphrase(tmp_path: Path) -> None:
    secret = tmp_path / "passphrase"
    secret.write_text("correct horse\n")
    environment = {"NODE_PASSPHRASE_FILE": str(secret)}
    node = tmp_path / "node"
    node_sh("make", node, "creditors-agent", "a.example:1234", environment=environment)
    assert "ENCRYPTED" in (node / "private" / "root-ca.key").read_text()
    node_sh("renew", node, "server", environment=environment)
    before = (node / "server.crt").read_text()
    assert "private key" in refused("renew", node, "server")
    assert (node / "server.crt").read_text() == before


Edit = Callable[[str], str]


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda text: "", "it has no certificate"),
        (lambda text: text.partition("-----BEGIN CERTIFICATE REQUEST")[0], "it has no request"),
        (lambda text: text.replace("1234", "x"), "it does not tell its servers"),
        (lambda text: text.replace("creditors_in", "accounts_in"), "its destination is not"),
        (lambda text: 'evil = "x"\n' + text, "it says more than"),
    ],
)
def test_introduction_that_makes_no_sense(
    network: Path, tmp_path: Path, edit: Edit, reason: str
) -> None:
    introduction = tmp_path / "introduction"
    introduction.write_text(edit(node_sh("introduce", network / "agent")))
    before = sorted(network.rglob("*"))
    assert reason in refused("admit", network / "authority", introduction, SUBNET)
    assert sorted(network.rglob("*")) == before


def test_introduction_with_the_request_of_another(network: Path, tmp_path: Path) -> None:
    node_sh("make", network / "other", "creditors-agent", "other.example:1234")
    begin = "-----BEGIN CERTIFICATE REQUEST"
    told, _, _ = node_sh("introduce", network / "agent").partition(begin)
    _, _, request = node_sh("introduce", network / "other").partition(begin)
    introduction = tmp_path / "introduction"
    introduction.write_text(told + begin + request)
    assert "have different keys" in refused("admit", network / "authority", introduction, SUBNET)


def test_id_that_is_another_ones(network: Path, tmp_path: Path) -> None:
    """An agent with the id of another one, and a key of its own."""
    victim = one_line(network / "agent" / "db" / "nodeid")
    subject = f"/O=Swaptacular Nodes Registry/OU=Creditors Agents/serialNumber={victim}"
    key, root, request = (tmp_path / name for name in ("key", "root", "request"))
    openssl(
        *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", root),
        *("-subj", subject, "-addext", "keyUsage=critical,keyCertSign"),
    )
    openssl("req", "-new", "-key", key, "-subj", subject, "-out", request)
    address = (network / "agent" / "nodeinfo" / "stomp.toml").read_text()
    introduction = tmp_path / "introduction"
    introduction.write_text(address + root.read_text() + request.read_text())
    told = refused("admit", network / "authority", introduction, SUBNET)
    assert "the ID does not come from the key" in told


@pytest.mark.parametrize(
    ("subnet", "reason"),
    [
        ("00000A", "is 6 hexadecimal digits"),
        ("0000a", "is 6 hexadecimal digits"),
        ("", "is 6 hexadecimal digits"),
        ("00000b", f"is known with the subnet {SUBNET}"),
    ],
)
def test_wrong_subnets(network: Path, tmp_path: Path, subnet: str, reason: str) -> None:
    introduction = tmp_path / "introduction"
    introduction.write_text(node_sh("introduce", network / "agent"))
    assert reason in refused("admit", network / "authority", introduction, subnet)


def test_subnets_of_two_peers_do_not_overlap(network: Path, tmp_path: Path) -> None:
    authority, introduction = network / "authority", tmp_path / "introduction"

    def introduce(kind: str, name: str) -> None:
        node_sh("make", network / name, kind, f"{name}.example:1234")
        introduction.write_text(node_sh("introduce", network / name))

    introduce("creditors-agent", "second")
    assert f"is in that of the peer {one_line(network / 'agent' / 'db' / 'nodeid')}" in refused(
        "admit", authority, introduction, SUBNET
    )
    introduce("debtors-agent", "third")
    assert "does not begin with the authority's" in refused(
        "admit", authority, introduction, "1234567801"
    )
    node_sh("admit", authority, introduction, f"{AUTHORITY_ID}01")
    introduce("debtors-agent", "fourth")
    assert "is in that of the peer" in refused(
        "admit", authority, introduction, f"{AUTHORITY_ID}0102"
    )
    assert "in it" in refused("admit", authority, introduction, AUTHORITY_ID)


def test_certificate_of_a_stranger_is_not_accepted(network: Path, tmp_path: Path) -> None:
    authority, stranger = network / "authority", network / "stranger"
    node_sh("make", stranger, "creditors-agent", "stranger.example:1234")
    introduction = tmp_path / "introduction"
    introduction.write_text(node_sh("introduce", authority))
    certificate = tmp_path / "certificate"
    certificate.write_text(node_sh("admit", stranger, introduction, "00000b"))
    assert "no registered peer has issued it" in refused("accept", authority, certificate)
    assert "it is not for the key of this node" in refused(
        "accept", authority, network / "agent" / "root-ca.crt"
    )
    assert "it is no certificate" in refused("accept", authority, introduction.with_name("none"))


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("bank", "a:1"), "not: bank"),
        (("creditors-agent", "a"), "lacks a port"),
        (("creditors-agent", 'a:1"]\nevil'), "the address is HOST:PORT"),
        (("creditors-agent", "a:1", "12345678"), "comes from its key"),
        (("accounting-authority", "a:1"), "is 8 hexadecimal digits"),
        (("accounting-authority", "a:1", "1234ABCD"), "is 8 hexadecimal digits"),
    ],
)
def test_node_that_cannot_be_made(tmp_path: Path, words: tuple[str, ...], reason: str) -> None:
    assert reason in refused("make", tmp_path / "node", *words)
    assert not (tmp_path / "node").exists()


def test_folder_that_is_none(tmp_path: Path) -> None:
    assert "is no folder of a node" in refused("list", tmp_path)
    assert "exists already" in refused("make", tmp_path, "creditors-agent", "a:1")
