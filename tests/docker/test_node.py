"""Nodes that meet by docs/how-to/join-the-network.md, and what is refused."""

import io
import os
import shutil
import ssl
import subprocess
import sys
import zipfile
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import pytest

from scripts.demo_network import page
from tests.docker.nodes import context, handshake, node_sh, one_line, openssl, refused, shown
from tests.docker.processes import DOCKER

AUTHORITY_ID = "1000abcd"
SUBNET = "000001"


def blocks_between(first: str, last: str) -> str:
    """The commands of some sections of the page."""
    return "\n".join(page.commands(first, last))


def follow(commands: str, folder: Path) -> None:
    script = "set -eu\n" + commands
    environment = {**os.environ, "NODE_KEY_BITS": "2048"}
    result = subprocess.run(
        ["sh", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two nodes that have met: `authority` and `agent`, as the page makes them."""
    folder = tmp_path_factory.mktemp("network")
    (folder / "docker").symlink_to(DOCKER)
    steps = blocks_between("1. Choose an ID and an address", "6. Check")
    for _ in range(2):  # an operator may give them again
        follow(steps, folder)
    return folder


@pytest.fixture
def network(made: Path, tmp_path: Path) -> Path:
    """A copy, to be changed."""
    shutil.copytree(made, tmp_path / "network", symlinks=True)
    return tmp_path / "network"


def peer(node: Path, other: Path) -> Path:
    """What a node knows of another one."""
    return node / "peers" / one_line(other / "db" / "nodeid")


def introduce(node: Path, path: Path) -> Path:
    path.write_bytes(node_sh("introduce", node))
    return path


def meet(server: Path, client: Path, folder: Path) -> tuple[str, str]:
    """Who each has seen, in a handshake as the STOMP programs make it."""
    shown_by_server = [server / "server.crt"]
    shown_by_client = [client / "server.crt", peer(client, server) / "sub-ca.crt"]
    return handshake(
        context(ssl.PROTOCOL_TLS_SERVER, server, shown_by_server, server / "root-ca.crt", folder),
        context(
            ssl.PROTOCOL_TLS_CLIENT,
            client,
            shown_by_client,
            peer(client, server) / "root-ca.crt",
            folder,
        ),
    )


def test_nodes_that_have_met_trust_each_other(made: Path, tmp_path: Path) -> None:
    authority, agent = made / "authority", made / "agent"
    agent_id = one_line(agent / "db" / "nodeid")
    assert (peer(authority, agent) / "ACTIVE").exists()
    assert (peer(agent, authority) / "ACTIVE").exists()
    assert one_line(peer(authority, agent) / "subnet.txt") == SUBNET
    assert one_line(peer(agent, authority) / "masq-subnet.txt") == SUBNET
    assert meet(authority, agent, tmp_path) == (agent_id, AUTHORITY_ID)
    assert meet(agent, authority, tmp_path) == (AUTHORITY_ID, agent_id)


def test_third_node_joins(network: Path, tmp_path: Path) -> None:
    authority, third = network / "authority", network / "third"
    node_sh("make", third, "debtors-agent", "third.example:1234")
    for one, other in ((authority, third), (third, authority)):
        bundle = introduce(one, tmp_path / "bundle")
        (tmp_path / one.name).write_bytes(node_sh("admit", other, bundle))
    node_sh("accept", authority, tmp_path / "authority")
    node_sh("accept", third, tmp_path / "third")
    third_id = one_line(third / "db" / "nodeid")
    assert meet(authority, third, tmp_path) == (third_id, AUTHORITY_ID)
    assert one_line(third / "debtors-subnet.txt") == f"{AUTHORITY_ID}00"
    told = node_sh("list", authority).decode()
    assert f"peer {third_id} (Debtors Agents), subnet {AUTHORITY_ID}00: accepted" in told
    second = network / "second"
    node_sh("make", second, "accounting-authority", "second.example:1234", "00001111")
    bundle = introduce(second, tmp_path / "bundle")
    assert "has one authority only" in refused("admit", third, bundle)


def test_renewing(network: Path, tmp_path: Path) -> None:
    authority, agent = network / "authority", network / "agent"
    agent_id = one_line(agent / "db" / "nodeid")
    before = (authority / "server.crt").read_text()
    follow(blocks_between("Renew and move", "Renew and move"), network)
    assert (authority / "server.crt").read_text() != before
    assert meet(authority, agent, tmp_path) == (agent_id, AUTHORITY_ID)
    again = tmp_path / "again.crt"
    again.write_bytes(node_sh("renew", authority, agent_id))
    node_sh("accept", agent, again)
    assert meet(authority, agent, tmp_path) == (agent_id, AUTHORITY_ID)


def test_news_of_a_known_peer(network: Path, tmp_path: Path) -> None:
    authority, agent = network / "authority", network / "agent"
    known = peer(authority, agent) / "nodeinfo"
    older = introduce(agent, tmp_path / "older.zip")
    address = agent / "nodeinfo" / "stomp.toml"
    address.write_text(address.read_text().replace("agent.example", "moved.example"))
    issued = (peer(authority, agent) / "peercert.crt").read_bytes()
    assert node_sh("admit", authority, introduce(agent, tmp_path / "newer.zip")) == issued
    assert "moved.example" in (known / "stomp.toml").read_text()
    (known / "updated-at.txt").write_text("2999-01-01\n")
    assert "this is of" in refused("admit", authority, older)
    assert "moved.example" in (known / "stomp.toml").read_text()


def test_deactivated_peer_leaves_what_its_drainer_reads(network: Path) -> None:
    authority, agent_id = network / "authority", one_line(network / "agent" / "db" / "nodeid")
    known = authority / "peers" / agent_id
    before = {path.name for path in known.iterdir()}
    node_sh("revoke", authority, agent_id)
    node_sh("deactivate", authority, agent_id)  # again: no harm
    assert {path.name for path in known.iterdir()} == {*before, "DEACTIVATED"}
    assert f"subnet {SUBNET}: deactivated" in node_sh("list", authority).decode()
    node_sh("activate", authority, agent_id)
    assert {path.name for path in known.iterdir()} == before
    assert "there is no peer" in refused("deactivate", authority, "../agent")


def test_number_of_queues_never_falls(network: Path) -> None:
    authority, agent_id = network / "authority", one_line(network / "agent" / "db" / "nodeid")
    node_sh("queues", authority, agent_id, "3")
    assert one_line(authority / "peers" / agent_id / "queues.txt") == "3"
    for count in ("2", "100", "-4", "x"):
        assert "between 3, the present one, and 99" in refused("queues", authority, agent_id, count)


def test_certificate_that_ends_soon_is_told(network: Path) -> None:
    authority = network / "authority"
    node_sh("renew", authority, "server", NODE_DAYS="20")
    result = subprocess.run(
        [DOCKER / "node.sh", "list", authority], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (1, "server: less than 30 days are left\n")


def test_key_with_a_passphrase(tmp_path: Path) -> None:
    secret, wrong = tmp_path / "passphrase", tmp_path / "wrong"
    secret.write_text("correct horse\n")
    wrong.write_text("battery\n")
    node = tmp_path / "node"
    known = {"NODE_PASSPHRASE_FILE": str(secret)}
    node_sh("make", node, "creditors-agent", "a.example:1234", **known)
    assert "ENCRYPTED" in (node / "private" / "root-ca.key").read_text()
    node_sh("renew", node, "server", **known)
    before = (node / "server.crt").read_text()
    assert "name a file with it in NODE_PASSPHRASE_FILE" in refused("renew", node, "server")
    assert "cannot sign" in refused("renew", node, "server", NODE_PASSPHRASE_FILE=str(wrong))
    assert "cannot be read" in refused("introduce", node, NODE_PASSPHRASE_FILE="/nowhere")
    assert (node / "server.crt").read_text() == before
    authority = tmp_path / "authority"
    node_sh("make", authority, "accounting-authority", "b.example:1", "00000abc", **known)
    bundle = tmp_path / "bundle"
    bundle.write_bytes(node_sh("introduce", node, **known))
    everything = everything_in(authority)
    assert "name a file with it" in refused("admit", authority, bundle)
    assert "cannot sign" in refused("admit", authority, bundle, NODE_PASSPHRASE_FILE=str(wrong))
    assert "name a file with it" in refused("introduce", authority)
    assert everything_in(authority) == everything
    node_sh("admit", authority, bundle, **known)
    assert one_line(peer(authority, node) / "subnet.txt") == "000001"


# -- bundles that are not taken -------------------------------------------------


def members(bundle: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


class Liar:
    """A node that signs whatever it likes."""

    def __init__(self, node: Path) -> None:
        self.node = node

    @cached_property
    def files(self) -> dict[str, bytes]:
        """What is in an honest bundle."""
        return members(node_sh("introduce", self.node))

    def bundle(self, *, outer: dict[str, bytes], **inner: bytes) -> bytes:
        changed = {name.replace("_", "."): content for name, content in inner.items()}
        return self.signed(zipped(members(self.files["nodeinfo.zip"]) | changed), outer)

    def signed(self, nodeinfo: bytes, outer: dict[str, bytes]) -> bytes:
        files = self.files | {"nodeinfo.zip": nodeinfo}
        key = self.node / "private" / "root-ca.key"
        files["nodeinfo.signature"] = subprocess.run(
            ["openssl", "dgst", "-sha256", "-sign", key],
            input=nodeinfo,
            capture_output=True,
            check=True,
        ).stdout
        return zipped(files | outer)


@pytest.fixture(scope="module")
def liar(tmp_path_factory: pytest.TempPathFactory) -> Liar:
    node = tmp_path_factory.mktemp("liar") / "node"
    node_sh("make", node, "creditors-agent", "liar.example:1234")
    return Liar(node)


def everything_in(folder: Path) -> dict[Path, bytes]:
    paths = (path for path in sorted(folder.rglob("*")) if path.name not in ("lock", "subnets"))
    return {path: path.read_bytes() if path.is_file() else b"" for path in paths}


STOMP = b'servers = ["a.example:1"]\nhost = "/"\ndestination = "/exchange/creditors_in"\n'
Forge = Callable[[Liar], bytes]


@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        (lambda liar: b"", "is no zip archive"),
        (lambda liar: node_sh("introduce", liar.node)[:-30], "the bundle"),
        (lambda liar: zipped({"root-ca.crt": b""}), "has not one member root-ca.csr"),
        (lambda liar: liar.bundle(outer={"root-ca.crt": b""}), "is not one certificate"),
        (lambda liar: liar.bundle(outer={"root-ca.csr": b"x"}), "is no request"),
        (lambda liar: liar.bundle(outer={"nodeinfo.signature": b"x" * 256}), "is not signed"),
        (lambda liar: liar.bundle(outer={"root-ca.crt": b"x" * 2**20}), "more than 65536 bytes"),
        (lambda liar: liar.bundle(outer={}, stomp_toml=b"x"), "is not what TOML is"),
        (lambda liar: liar.bundle(outer={}, stomp_toml=b"a=" + b"[" * 9999), "what TOML is"),
        (lambda liar: liar.bundle(outer={}, stomp_toml=b"servers = []"), "no list of servers"),
        (lambda liar: liar.bundle(outer={}, stomp_toml=STOMP[:26]), "has no host"),
        (lambda liar: liar.bundle(outer={}, stomp_toml=STOMP + b'login = "\\n"'), "be printed"),
        (lambda liar: liar.bundle(outer={}, stomp_toml=STOMP.replace(b"1", b"0")), "port of a"),
        (lambda liar: liar.bundle(outer={}, stomp_toml=b" " * 20000), "more than 16384 bytes"),
        (lambda liar: liar.bundle(outer={}, **{"updated-at_txt": b"9999-99-99"}), "the date in"),
        (lambda liar: liar.bundle(outer={}, **{"updated-at_txt": b"\xff"}), "the date in"),
        (lambda liar: liar.signed(zipped({str(i): b"" for i in range(1001)}), {}), "1000 members"),
        (lambda liar: liar.signed(zipped({}), {}), "has not one member stomp.toml"),
        (lambda liar: b"x" * 5 * 2**20, "more than 4194304 bytes"),
    ],
)
def test_bundle_that_is_refused_changes_nothing(
    made: Path, tmp_path: Path, liar: Liar, forge: Forge, reason: str
) -> None:
    bundle = tmp_path / "bundle"
    bundle.write_bytes(forge(liar))
    before = everything_in(made)
    assert reason in refused("admit", made / "authority", bundle)
    assert everything_in(made) == before


def test_bundle_plants_no_files(network: Path, tmp_path: Path, liar: Liar) -> None:
    names = ("ACTIVE", "../ACTIVE", "resources-patch.yaml", "/tmp/x", "subnet.txt")
    planted = dict.fromkeys(names, b"planted")
    told = members(liar.files["nodeinfo.zip"])
    bundle = tmp_path / "bundle"
    bundle.write_bytes(liar.signed(zipped(told | planted), planted))
    before = set(everything_in(network))
    node_sh("admit", network / "authority", bundle)
    known = peer(network / "authority", liar.node)
    new = {path for path in set(everything_in(network)) - before if known in path.parents}
    own = {"nodetype.txt", "root-ca.crt", "peercert.crt", "subnet.txt", "queues.txt", "nodeinfo"}
    own |= {"nodeinfo/stomp.toml", "nodeinfo/updated-at.txt"}
    assert new == {known / name for name in own}
    assert b"planted" not in everything_in(network).values()
    assert one_line(known / "subnet.txt") == "000002"


def test_bundle_with_the_request_of_another(made: Path, tmp_path: Path, liar: Liar) -> None:
    request = members((made / "agent.zip").read_bytes())["root-ca.csr"]
    bundle = tmp_path / "bundle"
    bundle.write_bytes(liar.bundle(outer={"root-ca.csr": request}))
    assert "have different names or keys" in refused("admit", made / "authority", bundle)


def impostor(folder: Path, subject: str, *options: str) -> Liar:
    """A node with a certificate that it has made by itself."""
    node = folder / "impostor"
    node_sh("make", node, "creditors-agent", "impostor.example:1234")
    key = node / "private" / "root-ca.key"
    words = ("-new", "-key", key, "-subj", f"/O=Swaptacular Nodes Registry{subject}")
    usage = ("-addext", "keyUsage=critical,keyCertSign", *options)
    openssl("req", "-x509", "-days", "365000", *words, *usage, "-out", node / "root-ca.crt")
    openssl("req", *words, "-out", node / "db" / "root-ca.csr")
    return Liar(node)


def test_id_that_is_another_ones(made: Path, tmp_path: Path) -> None:
    """An agent with the id of another one, and a key of its own."""
    victim = one_line(made / "agent" / "db" / "nodeid")
    false = impostor(tmp_path, f"/OU=Creditors Agents/serialNumber={victim}")
    bundle = introduce(false.node, tmp_path / "bundle")
    assert "the ID does not come from the key" in refused("admit", made / "authority", bundle)


@pytest.mark.parametrize("subject", ["/OU=Creditors Agents", "/OU=Bank/serialNumber=12345678", ""])
def test_name_that_no_node_has(made: Path, tmp_path: Path, subject: str) -> None:
    bundle = introduce(impostor(tmp_path, subject).node, tmp_path / "bundle")
    told = refused("admit", made / "authority", bundle)
    assert "node of the registry" in told or "no type of node" in told


def test_authority_with_the_id_of_a_known_one(network: Path, tmp_path: Path) -> None:
    false = network / "false"
    node_sh("make", false, "accounting-authority", "false.example:1234", AUTHORITY_ID)
    before = everything_in(network / "agent")
    bundle = introduce(false, tmp_path / "bundle")
    assert "is known with another key" in refused("admit", network / "agent", bundle)
    assert everything_in(network / "agent") == before
    assert "is no peer of" in refused("admit", network / "authority", bundle)


# -- certificates that are not taken ----------------------------------------------


def test_certificate_of_a_stranger_is_not_accepted(network: Path, tmp_path: Path) -> None:
    authority, stranger = network / "authority", network / "stranger"
    node_sh("make", stranger, "creditors-agent", "stranger.example:1234")
    certificate = tmp_path / "certificate"
    bundle = introduce(authority, tmp_path / "bundle")
    certificate.write_bytes(node_sh("admit", stranger, bundle))
    assert "no peer that is known has issued it" in refused("accept", authority, certificate)
    assert "it is not for the name of this node" in refused(
        "accept", authority, network / "agent" / "root-ca.crt"
    )
    assert "cannot be read" in refused("accept", authority, tmp_path / "none")
    two = tmp_path / "two"
    two.write_bytes((network / "authority-by-agent.crt").read_bytes() * 2)
    assert "is not one certificate" in refused("accept", authority, two)


def test_subnet_of_an_agent_does_not_change(network: Path, tmp_path: Path) -> None:
    authority, agent = network / "authority", network / "agent"
    (peer(authority, agent) / "subnet.txt").write_text("00000b\n")
    again = tmp_path / "again.crt"
    again.write_bytes(node_sh("renew", authority, one_line(agent / "db" / "nodeid")))
    assert "its subnet is 00000b, and not 000001 as before" in refused("accept", agent, again)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("bank", "a:1"), "not: bank"),
        (("creditors-agent", "a"), "HOST:PORT"),
        (("creditors-agent", 'a:1"]\nevil'), "HOST:PORT"),
        (("creditors-agent", "a:1", "12345678"), "comes from its key"),
        (("accounting-authority", "a:1"), "has 8 hexadecimal digits"),
        (("accounting-authority", "a:1", "1234ABCD"), "has 8 hexadecimal digits"),
    ],
)
def test_node_that_cannot_be_made(tmp_path: Path, words: tuple[str, ...], reason: str) -> None:
    assert reason in refused("make", tmp_path / "node", *words)
    assert not (tmp_path / "node").exists()


def test_folder_that_is_none(tmp_path: Path) -> None:
    assert "is no folder of a node" in refused("list", tmp_path)
    assert "exists already" in refused("make", tmp_path, "creditors-agent", "a:1")


def test_wrong_words_are_told_from_refusals(tmp_path: Path) -> None:
    for words in ((), ("dance", tmp_path), ("admit", tmp_path), ("make", tmp_path)):
        result = subprocess.run([DOCKER / "node.sh", *words], capture_output=True, check=False)
        assert result.returncode == 2


def test_no_openssl(tmp_path: Path) -> None:
    (tmp_path / "python3").symlink_to(sys.executable)
    for name in ("dirname", "sh"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    result = subprocess.run(
        [DOCKER / "node.sh", "make", tmp_path / "node", "creditors-agent", "a:1"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (
        3,
        "node.sh: there is no program openssl: install it\n",
    )


# -- check ------------------------------------------------------------------------


def checked(node: Path, *words: str) -> list[str]:
    """What `check` finds in a folder."""
    result = subprocess.run(
        [DOCKER / "node.sh", "check", node, "--offline", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    found = result.stdout.splitlines()
    assert result.returncode == (0 if found == [found[0]] and found[0].startswith("ok") else 1)
    return found


Spoil = Callable[[Path, Path], object]


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda node, _: (node / "server.key").unlink(), "server.crt, server.key"),
        (lambda node, _: (node / "server.crt").write_bytes(b"x"), "renew FOLDER server"),
        (lambda node, p: (node / "server.crt").write_text((p / "sub-ca.crt").read_text()), "key"),
        (lambda node, _: (node / "nodeinfo" / "stomp.toml").unlink(), "its address"),
        (lambda node, _: node_sh("renew", node, "server", NODE_DAYS="9"), "ends soon"),
        (lambda node, p: node_sh("renew", node, p.name, NODE_DAYS="9"), "peercert.crt ends soon"),
        (lambda node, p: (p / "sub-ca.crt").unlink(), "sub-ca.crt is missing"),
        (lambda node, p: shutil.copy(p / "peercert.crt", p / "sub-ca.crt"), "are exchanged"),
        (lambda node, p: shutil.copy(p / "sub-ca.crt", p / "peercert.crt"), "issued by this node"),
        (lambda node, p: (p / "ACTIVE").unlink(), "it is not active"),
        (lambda node, p: (p / "subnet.txt").write_text("00000\n"), "subnet.txt"),
        (lambda node, p: (p / "subnet.txt").write_text("000002\n"), "is not reserved"),
        (lambda node, p: (p / "queues.txt").unlink(), "queues.txt is missing"),
        (lambda node, p: (p / "nodeinfo" / "stomp.toml").write_text("x"), "its address"),
        (lambda node, p: (p / "nodetype.txt").write_text("Bank\n"), "not that of a peer"),
        (lambda node, p: shutil.copy(node / "root-ca.crt", p), "has another name"),
    ],
)
def test_check_tells_what_keeps_a_peer_away(network: Path, spoil: Spoil, problem: str) -> None:
    authority = network / "authority"
    spoil(authority, peer(authority, network / "agent"))
    assert [line for line in checked(authority) if problem in line]


def test_check_finds_nothing(made: Path) -> None:
    for name in ("authority", "agent"):
        assert checked(made / name) == ["ok: nothing keeps the peers from being reached"]


def test_clock_that_is_behind(network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = network / "authority"
    monkeypatch.setenv("SWPT_CA_DIR", str(authority))
    configured = ("-config", authority / "root-ca.conf")
    request = authority / "request"
    openssl("req", "-new", "-key", authority / "server.key", *configured, "-out", request)
    dates = ("-startdate", "29990101000000Z", "-enddate", "29991231000000Z")
    words = ("-batch", "-notext", *configured, *dates, "-extensions", "server_ext")
    openssl("ca", *words, "-in", request, "-out", authority / "server.crt")
    assert [line for line in checked(authority) if "set this machine's clock" in line]


def test_what_real_nodes_ask_of_certificates(made: Path) -> None:
    authority, agent = made / "authority", made / "agent"
    for node in (authority, agent):
        for path in (node / "root-ca.crt", *node.glob("peers/*/*.crt")):
            assert int(shown(path, "-enddate").split()[3]) > 3000
            assert "pathlen" in openssl("x509", "-in", path, "-noout", "-text")
