"""The folder of a node: what is where in it, and what its authority signs."""

import fcntl
import os
import re
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from .certificates import (
    AUTHORITIES,
    REGISTRY,
    Name,
    Refusal,
    id_of_key,
    openssl,
    read_bounded,
)

DAYS, SERVER_DAYS, KEY_BITS = "365000", "365", "3072"
LINE_BYTES_MAX = 200
_LOCK_SECONDS_MAX = 60
_CONFIGURATION = Path(__file__).with_name("authority.conf")


def write(path: Path, content: bytes | str, mode: int = 0o644) -> None:
    """Make or replace a file, whole or not at all."""
    data = content if isinstance(content, bytes) else f"{content}\n".encode()
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def read_line(path: Path) -> str:
    """The only line of a file; nothing, if the file is not there."""
    if not path.exists():
        return ""
    text = read_bounded(path, LINE_BYTES_MAX).decode(errors="replace")
    return text.removesuffix("\n").removesuffix("\r")


def read_number(path: Path, default: int) -> int:
    """The number in a file; the default, if the file is not there."""
    text = read_line(path) or str(default)
    if not re.fullmatch("-?[0-9]{1,9}", text):
        raise Refusal(f"{path} has no number in it: {text!r}")
    return int(text)


def make_key(path: Path, *options: str) -> None:
    """A private key that nobody else can read."""
    bits = f"rsa_keygen_bits:{os.environ.get('NODE_KEY_BITS') or KEY_BITS}"
    key = openssl("genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", bits, *options)
    write(path, key, 0o600)


def passphrase(option: str = "-passin") -> tuple[str, ...]:
    """How openssl gets the passphrase of the root's key, if it has one."""
    file = os.environ.get("NODE_PASSPHRASE_FILE")
    if not file:
        return ()
    read_bounded(Path(file), 4096)
    return (option, f"file:{file}")


@dataclass(frozen=True)
class Peer:
    """What a node knows of a peer: the files of a folder."""

    folder: Path

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def type(self) -> str:
        return read_line(self.folder / "nodetype.txt")

    @property
    def name(self) -> Name:
        return Name(self.type, self.id)

    @property
    def root(self) -> Path:
        return self.folder / "root-ca.crt"

    @property
    def issued_to_it(self) -> Path:
        return self.folder / "peercert.crt"

    @property
    def issued_by_it(self) -> Path:
        """The peer is registered as soon as it is there."""
        return self.folder / "sub-ca.crt"

    @property
    def state(self) -> str:
        if (self.folder / "DEACTIVATED").exists():
            return "deactivated"
        if not self.issued_by_it.exists():
            return "admitted"
        return "active" if (self.folder / "ACTIVE").exists() else "accepted"


@dataclass(frozen=True)
class Node:
    """The folder of a node."""

    folder: Path

    @property
    def type(self) -> str:
        return read_line(self.folder / "db" / "nodetype")

    @property
    def id(self) -> str:
        return read_line(self.folder / "db" / "nodeid")

    @property
    def name(self) -> Name:
        return Name(self.type, self.id)

    @property
    def is_authority(self) -> bool:
        return self.type == AUTHORITIES

    @property
    def root(self) -> Path:
        return self.folder / "root-ca.crt"

    @property
    def is_earlier(self) -> bool:
        """Whether an earlier node.sh made it, which knew no real node."""
        return (self.folder / "db" / "issued").exists()

    def peer(self, peer_id: str) -> Peer:
        return Peer(self.folder / "peers" / peer_id)

    def peers(self) -> list[Peer]:
        folders = sorted((self.folder / "peers").glob("[!.]*"))
        return [Peer(folder) for folder in folders if folder.is_dir()]

    def known_peer(self, peer_id: str) -> Peer:
        for peer in self.peers():
            if peer.id == peer_id:
                return peer
        raise Refusal(f"there is no peer {peer_id}: node.sh list tells which there are")

    # -- its authority ------------------------------------------------------

    def make(self, node_type: str, node_id: str) -> None:
        """The key and the name of a new authority. The folder is empty."""
        for folder in ("db", "certs", "private", "nodeinfo", "peers"):
            (self.folder / folder).mkdir(mode=0o755)
        (self.folder / "private").chmod(0o700)
        options = ("-aes128", *passphrase("-pass")) if passphrase() else ()
        make_key(self.folder / "private" / "root-ca.key", *options)
        public = self.openssl_of_root("pkey", "-pubout", *self.key_option("-in")).decode()
        write(self.folder / "db" / "nodetype", node_type)
        write(self.folder / "db" / "nodeid", node_id or id_of_key(public))

    def prepare(self) -> None:
        """What the authority needs beside its key and its name, if it is not there."""
        database = self.folder / "db"
        first = f"{secrets.randbits(127):032X}"
        for path, content in (
            (database / "index", b""),
            (database / "serial", first),
            (database / "crlnumber", "1001"),
            (self.folder / "root-ca.conf", self.configuration()),
        ):
            if not path.exists():
                write(path, content)
        request = database / "root-ca.csr"
        if not request.exists():
            words = ("-config", self.folder / "root-ca.conf", "-reqexts", "ca_official_ext")
            write(request, self.openssl_of_root("req", "-new", *words, *self.key_option("-key")))

    def configuration(self) -> bytes:
        text = _CONFIGURATION.read_text()
        return text.replace("@TYPE@", self.type).replace("@ID@", self.id).encode()

    def key_option(self, option: str) -> tuple[str | Path, ...]:
        return (option, self.folder / "private" / "root-ca.key", *passphrase())

    def openssl_of_root(self, *words: str | Path, **variables: str) -> bytes:
        """What openssl does with the key of the root."""
        key = self.folder / "private" / "root-ca.key"
        if not key.exists():
            raise Refusal(f"the key of the root is not here: {key}")
        if "ENCRYPTED" in key.read_text(errors="replace") and not passphrase():
            raise Refusal(
                "the private key of the root has a passphrase: name a file with it in"
                " NODE_PASSPHRASE_FILE"
            )
        try:
            return openssl(*words, variables={"SWPT_CA_DIR": str(self.folder), **variables})
        except Refusal as refusal:
            raise Refusal(f"the private key of the root cannot sign: {refusal}") from None

    def sign(self, section: str, days: str, *words: str | Path, to: Path, **names: str) -> bytes:
        """A certificate, in the file `to` and in the database of the authority. Returns it."""
        with tempfile.TemporaryDirectory() as folder:
            configuration, new = Path(folder, "conf"), Path(folder, "new")
            configuration.write_bytes(self.configuration())
            self.openssl_of_root(
                *("ca", "-batch", "-notext", "-config", configuration, "-extensions", section),
                *("-days", os.environ.get("NODE_DAYS") or days, "-out", new, *passphrase(), *words),
                **names,
            )
            content = new.read_bytes()
        write(to, content)
        return content

    def certify_itself(self) -> None:
        request = self.folder / "db" / "root-ca.csr"
        self.sign("ca_ext", DAYS, "-selfsign", "-in", request, to=self.root)

    def certify_server(self) -> None:
        key = self.folder / "server.key"
        if not key.exists():
            make_key(key)
        with tempfile.TemporaryDirectory() as folder:
            request = Path(folder, "request")
            words = ("-config", self.folder / "root-ca.conf", "-key", key)
            request.write_bytes(
                openssl("req", "-new", *words, variables={"SWPT_CA_DIR": str(self.folder)})
            )
            self.sign("server_ext", SERVER_DAYS, "-in", request, to=self.folder / "server.crt")

    def certify_peer(self, peer: Peer, name: Name) -> bytes:
        """What is sent to a peer, whose root's certificate is in its folder."""
        subnet = read_line(peer.folder / "subnet.txt") if self.is_authority else ""
        return self.sign(
            *("sub_ca_ext", DAYS, "-ss_cert", peer.root),
            to=peer.issued_to_it,
            DN_O=REGISTRY,
            DN_OU=name.type,
            DN_SERIAL_NUMBER=name.id,
            SWPT_SUBNET=f"Subnet: {subnet}" if subnet else "",
        )

    # -- alone in the folder ------------------------------------------------

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else changes the folder meanwhile: openssl does not lock its database."""
        path = self.folder / "db" / "lock"
        end = time.monotonic() + _LOCK_SECONDS_MAX
        while True:
            with path.open("ab") as file:
                if _is_locked(file.fileno()) and os.path.samestat(
                    os.fstat(file.fileno()), path.stat()
                ):
                    yield
                    return
            if time.monotonic() > end:
                raise Refusal(f"another node.sh has held {self.folder} for a minute")
            time.sleep(0.1)


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def today() -> str:
    return date.today().isoformat()  # noqa: DTZ011 - as other people's scripts write it


def open_node(path: str) -> Node:
    """Raises `Refusal` if the folder is that of no node."""
    node = Node(Path(path).resolve())
    for name in ("db/index", "db/nodetype", "db/nodeid", "root-ca.crt"):
        if not (node.folder / name).exists():
            raise Refusal(f"{path} is no folder of a node: it has no {name}")
    node.name.check()
    return node
