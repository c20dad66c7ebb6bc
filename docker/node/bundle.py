"""Info-bundles: how nodes introduce themselves to each other, as signed zip archives.

A bundle comes from somebody else. Its members are read by their names, with a limit for each;
nothing of it is ever written under a name that it chose.
"""

import re
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path

from . import address, certificates
from .certificates import AUTHORITIES, Certificate, Name, Refusal, id_of_key, openssl, verify
from .folder import LINE_BYTES_MAX, Node, today, write

BYTES_MAX = 4 * 2**20
_SIGNATURE_BYTES_MAX = 4096
_MEMBERS_MAX = 1000
_OUTER = ("root-ca.crt", "root-ca.csr", "nodeinfo.zip", "nodeinfo.signature")
_INNER = ("stomp.toml", "updated-at.txt")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What a broken or malicious archive makes of the standard library.
_ERRORS = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, NotImplementedError, RuntimeError),
    *(EOFError, ValueError, OSError, OverflowError, IndexError),
)


@dataclass(frozen=True)
class Introduction:
    """What a node says of itself, and has signed."""

    name: Name
    root: Certificate
    stomp: bytes
    updated_at: str
    left_out: list[str]
    """The names of what is not taken from the bundle, made printable."""


# -- made ---------------------------------------------------------------------


def pack(node: Node) -> bytes:
    """A bundle of this node. Its nodeinfo says the date from now on."""
    nodeinfo = node.folder / "nodeinfo"
    address.read_address(certificates.read_bounded(nodeinfo / "stomp.toml", address.BYTES_MAX))
    certificates.read_certificate(node.root)
    node.prepare()
    paths = sorted(path for path in nodeinfo.rglob("*") if path.is_file())
    files = {str(path.relative_to(nodeinfo)): path.read_bytes() for path in paths}
    files["updated-at.txt"] = f"{today()}\n".encode()
    told = _zip({name: content for name, content in files.items() if name[0] != "."})
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "nodeinfo.zip")
        archive.write_bytes(told)
        signature = node.openssl_of_root("dgst", "-sha256", *node.key_option("-sign"), archive)
    write(nodeinfo / "updated-at.txt", today())
    root, request = node.root.read_bytes(), (node.folder / "db" / "root-ca.csr").read_bytes()
    return _zip(dict(zip(_OUTER, (root, request, told, signature), strict=True)))


def _zip(files: dict[str, bytes]) -> bytes:
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for name, content in files.items():
            # Other people's nodes keep the files as they are in here: everybody may read them.
            info = zipfile.ZipInfo(name, datetime.now().timetuple()[:6])  # noqa: DTZ005
            info.external_attr = 0o100644 << 16
            method = zipfile.ZIP_STORED if name.startswith("nodeinfo.") else zipfile.ZIP_DEFLATED
            file.writestr(info, content, compress_type=method)
    return archive.getvalue()


# -- read ---------------------------------------------------------------------


def unpack(content: bytes) -> Introduction:
    """What a bundle says. Raises `Refusal` unless all of it fits together."""
    limits = (certificates.BYTES_MAX, certificates.BYTES_MAX, BYTES_MAX, _SIGNATURE_BYTES_MAX)
    outer, more = _members(content, dict(zip(_OUTER, limits, strict=True)), "the bundle")
    root = certificates.read_certificate(outer["root-ca.crt"])
    name = _check_root(root)
    _check_request(outer["root-ca.csr"], root)
    _check_signature(outer["nodeinfo.zip"], outer["nodeinfo.signature"], root)
    sizes = dict(zip(_INNER, (address.BYTES_MAX, LINE_BYTES_MAX), strict=True))
    inner, others = _members(outer["nodeinfo.zip"], sizes, "nodeinfo.zip")
    address.read_address(inner["stomp.toml"])
    updated_at = _date(inner["updated-at.txt"])
    return Introduction(name, root, inner["stomp.toml"], updated_at, more + others)


def _members(
    content: bytes, limits: dict[str, int], what: str
) -> tuple[dict[str, bytes], list[str]]:
    """The members with these names, and what else there is."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            names = archive.namelist()
            if len(names) > _MEMBERS_MAX:
                raise Refusal(f"{what} has more than {_MEMBERS_MAX} members")
            found = {}
            for name, bytes_max in limits.items():
                if names.count(name) != 1:
                    raise Refusal(f"{what} has not one member {name}, but {names.count(name)}")
                found[name] = _member(archive, name, bytes_max)
    except _ERRORS as error:
        reason = " ".join(str(error).split())
        raise Refusal(f"{what} is no zip archive that can be read: {reason!r:.100}") from error
    return found, [f"{name!r:.60}" for name in names if name not in limits]


def _member(archive: zipfile.ZipFile, name: str, bytes_max: int) -> bytes:
    if archive.getinfo(name).compress_type not in _METHODS:
        raise Refusal(f"{name} is compressed in a way that nodes do not use")
    with archive.open(name) as file:
        content = file.read(bytes_max + 1)
    if len(content) > bytes_max:
        raise Refusal(f"{name} has more than {bytes_max} bytes")
    return content


def _check_root(root: Certificate) -> Name:
    name = root.subject
    if name is None or root.issuer != name:
        raise Refusal("its certificate does not name a node of the registry, or not itself")
    name.check()
    try:
        verify(root.file, "-check_ss_sig", trusted=root.file)
    except Refusal as refusal:
        raise Refusal(f"its certificate is not valid: {refusal}") from None
    if not root.is_authority:
        raise Refusal("its certificate is not that of a certificate authority")
    if name.type != AUTHORITIES and name.id != id_of_key(root.key):
        raise Refusal(f"the ID does not come from the key: {name.id}")
    return name


def _check_request(request: bytes, root: Certificate) -> None:
    shown = ("-noout", "-pubkey", "-subject", "-nameopt", "RFC2253")
    try:
        # (by itself: OpenSSL 3.5 says on its standard output that the request is signed)
        openssl("req", "-verify", "-noout", data=request)
        told = openssl("req", *shown, data=request).splitlines()
    except Refusal as refusal:
        raise Refusal(f"root-ca.csr is no request that is signed by its key: {refusal}") from None
    if sorted(told) != sorted(openssl("x509", *shown, data=root.file).splitlines()):
        raise Refusal("the request and the certificate have different names or keys")


def _check_signature(archive: bytes, signature: bytes, root: Certificate) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ("key", "signature", "archive")]
        for path, content in zip(files, (root.key.encode(), signature, archive), strict=True):
            path.write_bytes(content)
        try:
            openssl("dgst", "-sha256", "-verify", files[0], "-signature", files[1], files[2])
        except Refusal:
            raise Refusal("nodeinfo.zip is not signed by the key of the certificate") from None


def _date(content: bytes) -> str:
    text = content.decode(errors="replace").strip()
    last = (datetime.now(UTC) + timedelta(days=2)).date()
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII) or text > last.isoformat():
        raise Refusal(f"the date in updated-at.txt is none, or in the future: {text!r:.40}")
    try:
        date.fromisoformat(text)
    except ValueError as error:
        raise Refusal(f"the date in updated-at.txt is none: {text!r}") from error
    return text
