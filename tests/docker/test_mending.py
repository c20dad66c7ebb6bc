"""Folders that an earlier node.sh has made become those that real nodes understand."""

import ssl
import subprocess
from pathlib import Path

import pytest

from tests.docker.nodes import (
    context,
    handshake,
    node_sh,
    one_line,
    openssl,
    refused,
    run_node_sh,
    shown,
)

# Made by node.sh of commit 34677c3: the authority has met both agents, admitted a third one,
# revoked a fourth one.
EARLIER = Path(__file__).parent / "data" / "earlier_nodes.tar.gz"
AUTHORITY = "0000abcd"
CREDITORS, DEBTORS = "447d8e0a3ee96454341accfa5b659dd9", "4b5a63bd3296922a35022fab794957f0"
WAITING, REVOKED = "f092a265e7962dc6dddeae840453fde3", "fcd6b6481894bd2c8c48527dd9ae0fbd"


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    folder = tmp_path / "earlier"
    folder.mkdir()
    subprocess.run(["tar", "-xzf", EARLIER, "-C", folder], check=True)
    return folder


def everything_in(folder: Path) -> dict[Path, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "lock")
    return {path.relative_to(folder): path.read_bytes() for path in files}


def test_earlier_folder_is_recognised(earlier: Path) -> None:
    authority = earlier / "authority"
    before = everything_in(authority)
    assert "mend it" in run_node_sh("check", authority, "--offline").stdout.decode()
    assert "mend it first" in refused("introduce", authority)
    assert "mend it first" in refused("activate", authority, CREDITORS)
    assert everything_in(authority) == before


def test_mended_nodes_meet(earlier: Path, tmp_path: Path) -> None:
    before = everything_in(earlier / "authority")
    nodes = {name: earlier / name for name in ("authority", "creditors", "debtors")}
    for folder in nodes.values():
        told = run_node_sh("mend", folder)
        assert told.returncode == 0, told.stderr
        assert b"it is a new one" in told.stderr
    kept = everything_in(earlier / "authority.before-mend")
    assert kept.pop(Path(".gitignore")) == b"*\n"
    assert kept == before
    authority = nodes["authority"]
    # What each has issued anew goes to the other one, and is taken in place of the old one.
    for agent, agent_id in ((nodes["creditors"], CREDITORS), (nodes["debtors"], DEBTORS)):
        node_sh("accept", agent, authority / "peers" / agent_id / "peercert.crt")
        node_sh("accept", authority, agent / "peers" / AUTHORITY / "peercert.crt")
        assert node_sh("check", agent, "--offline").startswith(b"ok")
        known = agent / "peers" / AUTHORITY
        server = context(
            *(ssl.PROTOCOL_TLS_SERVER, authority, [authority / "server.crt"]),
            *(authority / "root-ca.crt", tmp_path),
        )
        client = context(
            *(ssl.PROTOCOL_TLS_CLIENT, agent, [agent / "server.crt", known / "sub-ca.crt"]),
            *(known / "root-ca.crt", tmp_path),
        )
        assert handshake(server, client) == (agent_id, AUTHORITY)
        assert int(shown(known / "sub-ca.crt", "-enddate").split()[3]) > 3000
    assert one_line(nodes["creditors"] / "creditors-subnet.txt") == "00000a"
    assert one_line(nodes["creditors"] / "peers" / AUTHORITY / "masq-subnet.txt") == "00000a"
    assert one_line(nodes["debtors"] / "debtors-subnet.txt") == "0000abcd01"


def test_mended_authority(earlier: Path, tmp_path: Path) -> None:
    authority = earlier / "authority"
    root = (authority / "root-ca.crt").read_bytes()
    node_sh("mend", authority)
    peers = {peer.name: peer for peer in (authority / "peers").iterdir()}
    assert set(peers) == {CREDITORS, DEBTORS, WAITING, REVOKED}
    told = node_sh("list", authority).decode()
    for peer_id, state in ((CREDITORS, "active"), (WAITING, "admitted"), (REVOKED, "deactivated")):
        assert f"peer {peer_id} (Creditors Agents)" in told
        assert [line for line in told.splitlines() if peer_id in line and line.endswith(state)]
    # Peers know it, and so it stays; a peer that was revoked is not certified again.
    assert (authority / "root-ca.crt").read_bytes() == root
    assert not (peers[REVOKED] / "peercert.crt").exists()
    for peer_id in (CREDITORS, DEBTORS, WAITING):
        certificate = peers[peer_id] / "peercert.crt"
        openssl("verify", "-x509_strict", "-CAfile", authority / "root-ca.crt", certificate)
    # What is taken stays taken.
    places = authority / "db" / "subnets"
    for name, peer_id in (("00000a", CREDITORS), ("00000b", WAITING), ("00000c", REVOKED)):
        assert one_line(places / "creditors" / name) == peer_id
    assert one_line(places / "debtors" / f"{AUTHORITY}01") == DEBTORS
    (places / "creditors" / "SEQNUM").write_text("9\n")
    new = earlier / "new"
    node_sh("make", new, "creditors-agent", "new.example:1239")
    (tmp_path / "bundle").write_bytes(node_sh("introduce", new))
    node_sh("admit", authority, tmp_path / "bundle")
    known = authority / "peers" / one_line(new / "db" / "nodeid")
    assert one_line(known / "subnet.txt") == "00000d"


def test_mending_twice(earlier: Path) -> None:
    authority = earlier / "authority"
    node_sh("mend", authority)
    assert "exists already: move it away" in refused("mend", authority)
    (earlier / "authority.before-mend").rename(earlier / "backup")
    mended = everything_in(authority)
    assert b"nothing to mend" in run_node_sh("mend", authority).stderr
    assert everything_in(authority) == mended


def test_what_cannot_be_mended_stays_as_it_is(earlier: Path) -> None:
    authority = earlier / "authority"
    known = authority / "peers" / DEBTORS
    (known / "subnet.txt").write_text("12345678\n")
    before = everything_in(authority)
    assert "does not begin with the ID of the authority" in refused("mend", authority)
    assert everything_in(authority) == before
    (known / "subnet.txt").write_text(f"{AUTHORITY}01\n")
    (known / "sub-ca.crt").write_bytes((authority / "server.crt").read_bytes())
    (known / "peercert.crt").write_bytes((earlier / "creditors" / "root-ca.crt").read_bytes())
    before = everything_in(authority)
    assert "neither this node nor the peer has issued" in refused("mend", authority)
    (authority / "private" / "root-ca.key").unlink()
    assert "the key of the root is not here" in refused("mend", authority)
    assert not (earlier / "authority.before-mend").exists()
    assert [path.name for path in earlier.iterdir() if path.name.startswith(".")] == []


def test_root_that_nobody_knows_is_made_anew(earlier: Path) -> None:
    authority = earlier / "authority"
    for peer_id in (CREDITORS, DEBTORS):
        (authority / "peers" / peer_id / "peercert.crt").unlink()
        (authority / "peers" / peer_id / "ACTIVE").unlink()
    key = openssl("x509", "-in", authority / "root-ca.crt", "-noout", "-pubkey")
    node_sh("mend", authority)
    assert int(shown(authority / "root-ca.crt", "-enddate").split()[3]) > 3000
    assert openssl("x509", "-in", authority / "root-ca.crt", "-noout", "-pubkey") == key
    openssl("verify", "-CAfile", authority / "root-ca.crt", authority / "server.crt")
