"""Certificates, as openssl reads, checks and signs them."""

import hashlib
import os
import re
import subprocess
import tempfile
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

REGISTRY = "Swaptacular Nodes Registry"
AUTHORITIES, CREDITORS, DEBTORS = "Accounting Authorities", "Creditors Agents", "Debtors Agents"
BYTES_MAX = 64 * 1024
# What other people's programs ask of the certificate of a peer.
YEARS_MIN = 500
_SUBJECT = re.compile(r"serialNumber=([0-9a-f]{8}|[0-9a-f]{32}),OU=([A-Za-z ]+),O=" + REGISTRY)
_SECONDS_MAX = 120


class Refusal(Exception):
    """Why something is not done, in one line."""


class Breakage(Exception):
    """What went wrong in a program or a system, in one line."""


def openssl(
    *words: str | Path, data: bytes = b"", variables: Mapping[str, str] | None = None
) -> bytes:
    """What openssl says. Raises `Refusal` with its reason; it never asks anything."""
    try:
        result = subprocess.run(
            ["openssl", *words],
            input=data,
            env={**os.environ, **(variables or {}), "LC_ALL": "C"},
            capture_output=True,
            timeout=_SECONDS_MAX,
            check=False,
            start_new_session=True,  # no terminal to ask on
        )
    except FileNotFoundError as error:
        raise Breakage("there is no program openssl: install it") from error
    except subprocess.TimeoutExpired as error:
        raise Refusal(f"openssl {words[0]} has not ended within {_SECONDS_MAX} seconds") from error
    if result.returncode:
        raise Refusal(_reason(result.stderr + result.stdout))
    return result.stdout


def _reason(said: bytes) -> str:
    """What openssl says is wrong, without its numbers."""
    text = said.decode(errors="replace")
    if found := re.search(r"error \d+ at \d+ depth lookup: *(.*)", text):
        return found[1]
    lines = [line for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "rror" in line] or lines or ["openssl has failed"]
    return re.sub(r"^[0-9A-F]+:error:[0-9A-F]*:", "", errors[-1])


@dataclass(frozen=True)
class Name:
    """Who a node is."""

    type: str
    id: str

    def check(self) -> None:
        """Raise `Refusal` if no node has such a name."""
        if self.type not in (AUTHORITIES, CREDITORS, DEBTORS):
            raise Refusal(f"there is no type of node {self.type!r}")
        length = 8 if self.type == AUTHORITIES else 32
        if not re.fullmatch("[0-9a-f]{%d}" % length, self.id):
            raise Refusal(f"the ID of one of the {self.type} has {length} hexadecimal digits")


@dataclass(frozen=True)
class Certificate:
    """A certificate, and the file from which it was read."""

    file: bytes
    subject: Name | None
    issuer: Name | None
    begins: datetime
    ends: datetime
    key: str
    is_authority: bool
    subnet: str | None
    """What its comment says, if it says one."""

    @property
    def fingerprint(self) -> str:
        body = self.file.partition(b"-----BEGIN CERTIFICATE-----")[2].partition(b"-----END")[0]
        digest = hashlib.sha256(b64decode(body)).hexdigest().upper()
        return ":".join(digest[i : i + 2] for i in range(0, 64, 2))

    @property
    def is_long(self) -> bool:
        """Whether other people's nodes take it."""
        return self.ends.year >= datetime.now(UTC).year + YEARS_MIN


def read_certificate(file: bytes | Path) -> Certificate:
    """Raises `Refusal` if there is not exactly one certificate in it."""
    return _parsed(read_bounded(file, BYTES_MAX) if isinstance(file, Path) else file)


@lru_cache
def _parsed(file: bytes) -> Certificate:
    if re.findall(rb"-----BEGIN ([^\n]*)-----", file) != [b"CERTIFICATE"]:
        raise Refusal("it is not one certificate in the PEM format")
    names = ("-nameopt", "RFC2253", "-subject", "-issuer", "-dateopt", "iso_8601", "-dates")
    shown = (*names, "-ext", "basicConstraints", "-pubkey")
    text = openssl("x509", "-noout", *shown, data=file).decode()
    # By itself: what somebody wrote into it is not to be taken for something else.
    comment = openssl("x509", "-noout", "-ext", "nsComment", data=file).decode(errors="replace")
    subnet = re.fullmatch(r"Subnet: *([0-9a-f]{6,16})", comment.partition("\n")[2].strip())
    key = re.search("-----BEGIN PUBLIC KEY-----.*-----END PUBLIC KEY-----", text, re.S)
    return Certificate(
        file=file,
        subject=_name(_found("^subject=(.*)$", text)),
        issuer=_name(_found("^issuer=(.*)$", text)),
        begins=_date(_found("^notBefore=(.*)$", text)),
        ends=_date(_found("^notAfter=(.*)$", text)),
        key=key[0] if key else "",
        is_authority=bool(re.search(r"Basic Constraints: critical\s+CA:TRUE", text)),
        subnet=subnet[1] if subnet else None,
    )


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.M)
    return match[1].strip() if match else ""


def _name(text: str) -> Name | None:
    match = _SUBJECT.fullmatch(text)
    return Name(match[2], match[1]) if match else None


def _date(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC)
    except ValueError as error:
        raise Refusal(f"it has a date that does not exist: {text!r}") from error


def id_of_key(key: str) -> str:
    """The ID of the agent that has this public key."""
    content = openssl("pkey", "-pubin", "-outform", "DER", data=key.encode())
    return hashlib.sha256(content).hexdigest()[:32]


def verify(certificate: bytes | Path, *options: str | Path, trusted: bytes | Path) -> None:
    """Raise `Refusal` if it does not come, by valid certificates, from the one that is trusted."""
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for i, content in enumerate((trusted, certificate)):
            files.append(Path(folder, str(i)))
            files[-1].write_bytes(content if isinstance(content, bytes) else content.read_bytes())
        openssl("verify", "-trusted", files[0], *options, files[1])


def read_bounded(path: Path, bytes_max: int) -> bytes:
    """A file, if it is there, and not greater than it may be."""
    try:
        with path.open("rb") as file:
            content = file.read(bytes_max + 1)
    except OSError as error:
        raise Refusal(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > bytes_max:
        raise Refusal(f"{path} has more than {bytes_max} bytes")
    return content
