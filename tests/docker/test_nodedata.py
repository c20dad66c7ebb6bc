"""The data folder of the node: what others read there, checked by openssl and by a handshake."""

import hashlib
import ssl
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.docker.nodes import context, handshake, one_line, openssl, shown
from tests.docker.processes import DOCKER

NODE_ID = "1234abcd"
COMMITTED = DOCKER / "nodedata"
SUBNETS = {"Creditors Agents": "000001", "Debtors Agents": "1234abcd00"}
EXCHANGES = {"Creditors Agents": "creditors_in", "Debtors Agents": "debtors_in"}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder that was made just now, and the folder of its peers' folders."""
    folder = tmp_path_factory.mktemp("nodes")
    node, peers = folder / "nodedata", folder / "peers"
    subprocess.run([DOCKER / "make_nodedata.sh", node, peers], check=True, capture_output=True)
    return node, peers


@pytest.fixture(params=["committed", "fresh"])
def node(request: pytest.FixtureRequest, fresh: tuple[Path, Path]) -> Path:
    """The folder in the repository, and one that was made just now."""
    return COMMITTED if request.param == "committed" else fresh[0]


def peers_of(node: Path) -> dict[str, Path]:
    """The folders of the peers, by their types."""
    return {one_line(p / "nodetype.txt"): p for p in (node / "peers").iterdir()}


def name(node_type: str, node_id: str) -> str:
    return f"O = Swaptacular Nodes Registry, OU = {node_type}, serialNumber = {node_id}"


def extensions(certificate: Path) -> dict[str, str]:
    """The extensions, by their names; a critical one begins with `critical `."""
    text = openssl("x509", "-in", certificate, "-noout", "-text", "-certopt", "ext_dump")
    lines = text.partition("X509v3 extensions:\n")[2].partition("    Signature Alg")[0].splitlines()
    found: dict[str, str] = {}
    key = ""
    for line in lines:
        if not line.startswith(" " * 16):
            key, _, critical = line.strip().partition(":")
            found[key] = "critical " if "critical" in critical else ""
        else:
            found[key] += line.strip()
    return found


def public_key(certificate: Path) -> str:
    return openssl("x509", "-in", certificate, "-noout", "-pubkey")


def key_id(certificate: Path) -> str:
    return extensions(certificate)["X509v3 Subject Key Identifier"]


# -- files --------------------------------------------------------------------


def test_who_the_node_is(node: Path) -> None:
    assert one_line(node / "db" / "nodeid") == NODE_ID
    assert one_line(node / "db" / "nodetype") == "Accounting Authorities"


def test_addresses(node: Path) -> None:
    def read(path: Path) -> dict[str, object]:
        return tomllib.loads((path / "nodeinfo" / "stomp.toml").read_text())

    own = read(node)
    assert own.pop("servers") == ["localhost:1234"]
    assert own == {"host": "/", "destination": "/exchange/accounts_in"}
    for node_type, peer in peers_of(node).items():
        address = read(peer)
        assert address["destination"] == f"/exchange/{EXCHANGES[node_type]}"
        assert address["host"] == "/"


def test_one_peer_of_each_type(node: Path) -> None:
    peers = peers_of(node)
    assert set(peers) == set(SUBNETS)
    for node_type, peer in peers.items():
        assert one_line(peer / "subnet.txt") == SUBNETS[node_type]
        assert (peer / "ACTIVE").exists()


def test_ranges_of_ids_are_reserved(node: Path) -> None:
    for node_type, peer in peers_of(node).items():
        kind = "creditors" if node_type == "Creditors Agents" else "debtors"
        folder = node / "db" / "subnets" / kind
        assert one_line(folder / SUBNETS[node_type]) == peer.name
        assert int(one_line(folder / "SEQNUM")) == int(SUBNETS[node_type][-2:], 16)


def test_keys_belong_to_their_certificates_and_say_that_they_are_public(node: Path) -> None:
    for key, certificate in (
        (node / "private" / "root-ca.key", node / "root-ca.crt"),
        (node / "server.key", node / "server.crt"),
    ):
        assert openssl("pkey", "-in", key, "-pubout") == public_key(certificate)
        assert "made for end-to-end tests only" in key.read_text().partition("-----BEGIN")[0]
    assert "The private keys in this folder are public" in (node / "README.md").read_text()


def test_database_knows_what_was_issued(node: Path) -> None:
    lines = (node / "db" / "index").read_text().splitlines()
    issued = {line.split("\t")[3]: line.split("\t")[0] for line in lines}
    assert set(issued.values()) == {"V"}
    files = [node / "root-ca.crt", node / "server.crt", *node.glob("peers/*/peercert.crt")]
    assert set(issued) == {shown(file, "-serial") for file in files}
    assert set(issued) == {path.stem for path in (node / "certs").iterdir()}
    assert one_line(node / "db" / "serial") not in issued


# -- certificates -------------------------------------------------------------


def test_root_certificate(node: Path) -> None:
    root = node / "root-ca.crt"
    assert shown(root, "-subject") == shown(root, "-issuer")
    assert shown(root, "-subject") == name("Accounting Authorities", NODE_ID)
    found = extensions(root)
    assert found.pop("X509v3 Subject Key Identifier")
    assert found == {
        "X509v3 Basic Constraints": "critical CA:TRUE, pathlen:1",
        "X509v3 Key Usage": "critical Certificate Sign, CRL Sign",
    }


def test_server_certificate(node: Path) -> None:
    server, root = node / "server.crt", node / "root-ca.crt"
    assert shown(server, "-subject") == shown(root, "-subject")
    assert public_key(server) != public_key(root)
    found = extensions(server)
    assert found.pop("X509v3 Subject Key Identifier") != key_id(root)
    assert found == {
        "X509v3 Basic Constraints": "critical CA:FALSE",
        "X509v3 Key Usage": "critical Digital Signature, Key Encipherment",
        "X509v3 Extended Key Usage": "TLS Web Client Authentication, TLS Web Server Authentication",
        "X509v3 Authority Key Identifier": key_id(root),
    }


@pytest.mark.parametrize("node_type", SUBNETS)
def test_id_of_an_agent_comes_from_its_key(node: Path, node_type: str) -> None:
    peer = peers_of(node)[node_type]
    key = public_key(peer / "root-ca.crt").encode()
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-outform", "DER"], input=key, capture_output=True, check=True
    ).stdout
    assert peer.name == hashlib.sha256(der).hexdigest()[:32]
    assert shown(peer / "root-ca.crt", "-subject") == name(node_type, peer.name)


def check_peer_certificate(certificate: Path, subject: Path, issuer: Path, comment: str) -> None:
    assert shown(certificate, "-subject") == shown(subject, "-subject")
    assert shown(certificate, "-issuer") == shown(issuer, "-subject")
    assert public_key(certificate) == public_key(subject)
    assert extensions(certificate) == {
        "X509v3 Basic Constraints": "critical CA:TRUE, pathlen:0",
        "X509v3 Key Usage": "critical Certificate Sign, CRL Sign",
        "X509v3 Subject Key Identifier": key_id(subject),
        "X509v3 Authority Key Identifier": key_id(issuer),
        "X509v3 Name Constraints": f"critical Permitted:DirName:{shown(subject, '-subject')}",
        "Netscape Comment": comment,
    }


@pytest.mark.parametrize("node_type", SUBNETS)
def test_certificates_that_nodes_issue_to_each_other(node: Path, node_type: str) -> None:
    peer = peers_of(node)[node_type]
    own, theirs = node / "root-ca.crt", peer / "root-ca.crt"
    check_peer_certificate(peer / "peercert.crt", theirs, own, f"Subnet: {SUBNETS[node_type]}")
    # An empty text, as openssl shows its bytes.
    check_peer_certificate(peer / "sub-ca.crt", own, theirs, "..")


def test_openssl_verifies_all_of_them(node: Path) -> None:
    root = node / "root-ca.crt"
    for certificate in (root, node / "server.crt", *node.glob("peers/*/peercert.crt")):
        assert openssl("verify", "-x509_strict", "-CAfile", root, certificate).endswith(": OK\n")
    for peer in peers_of(node).values():
        openssl("verify", "-x509_strict", "-CAfile", peer / "root-ca.crt", peer / "sub-ca.crt")


def test_they_are_valid_for_centuries(node: Path) -> None:
    for certificate in node.rglob("*.crt"):
        openssl("x509", "-in", certificate, "-noout", "-checkend", str(900 * 365 * 86400))


# -- as they are used ---------------------------------------------------------


@pytest.mark.parametrize("peer_name", ["creditors_agent", "debtors_agent"])
def test_peer_and_node_trust_each_other(
    fresh: tuple[Path, Path], tmp_path: Path, peer_name: str
) -> None:
    node, peer = fresh[0], fresh[1] / peer_name
    peer_id = one_line(peer / "db" / "nodeid")
    known = node / "peers" / peer_id
    ours = [node / "server.crt", known / "sub-ca.crt"]
    theirs = [peer / "server.crt", known / "peercert.crt"]
    server = context(
        ssl.PROTOCOL_TLS_SERVER, node, ours, trusted=node / "root-ca.crt", folder=tmp_path
    )
    client = context(
        ssl.PROTOCOL_TLS_CLIENT, peer, theirs, trusted=peer / "root-ca.crt", folder=tmp_path
    )
    assert handshake(server, client) == (peer_id, NODE_ID)


def test_no_peer_can_pretend_to_be_another(fresh: tuple[Path, Path], tmp_path: Path) -> None:
    node, liar = fresh[0], fresh[1] / "creditors_agent"
    victim_id = one_line(fresh[1] / "debtors_agent" / "db" / "nodeid")
    known = node / "peers" / one_line(liar / "db" / "nodeid")
    request = tmp_path / "request"
    subject = f"/O=Swaptacular Nodes Registry/OU=Debtors Agents/serialNumber={victim_id}"
    openssl("req", "-new", "-key", liar / "server.key", "-subj", subject, "-out", request)
    forged = tmp_path / "forged.crt"
    openssl(
        *("x509", "-req", "-in", request, "-CA", liar / "root-ca.crt", "-out", forged),
        *("-CAkey", liar / "private" / "root-ca.key", "-set_serial", "1"),
    )
    result = subprocess.run(
        [
            *("openssl", "verify", "-CAfile", node / "root-ca.crt"),
            *("-untrusted", known / "peercert.crt", forged),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode != 0
    assert "permitted subtree violation" in result.stdout + result.stderr


def test_script_overwrites_nothing(fresh: tuple[Path, Path]) -> None:
    result = subprocess.run(
        [DOCKER / "make_nodedata.sh", fresh[0]], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert "exists already" in result.stderr
