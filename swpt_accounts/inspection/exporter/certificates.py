"""When the certificates of the node end, by which its peers know it, and it knows them."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from swpt_accounts.inspection.exporter.pollers import Values
from swpt_accounts.observability.metrics import definitions as m

BYTES_MAX: Final = 65536
FILES_MAX: Final = 5000
_BEGIN: Final = "-----BEGIN CERTIFICATE-----"
_END: Final = "-----END CERTIFICATE-----"
_SEQUENCE, _INTEGER, _VERSION, _UTC_TIME = 0x30, 0x02, 0xA0, 0x17
# Certificates of which somebody takes notice: the node's folder has copies of others.
_PATTERNS: Final = ("*.crt", "peers/*/peercert.crt", "peers/*/sub-ca.crt")


def ends_of_certificates(folder: str) -> Values:
    """When each certificate in the folder ends; 0 for one that nobody can read.

    The folder is that of the node, or has the files of it under flat names, as a ConfigMap has.
    """
    if not folder:
        return {}
    files = list(_files(Path(folder)))[:FILES_MAX]
    return {
        (m.CERTIFICATE_END, (str(path.relative_to(folder)).replace("_", "/"),)): _end(path)
        for path in files
    }


def _files(folder: Path) -> Iterator[Path]:
    for pattern in _PATTERNS:
        for path in sorted(folder.glob(pattern)):
            if not (path.parent / "DEACTIVATED").exists():
                yield path


def _end(path: Path) -> float:
    try:
        with path.open("rb") as file:
            text = file.read(BYTES_MAX).decode(errors="replace")
        begin = text.index(_BEGIN)
        end = text.index(_END, begin) + len(_END)
        return end_of_certificate(ssl.PEM_cert_to_DER_cert(text[begin:end])).timestamp()
    except (OSError, ValueError, IndexError):
        return 0.0


def end_of_certificate(der: bytes) -> datetime:
    """Its `notAfter` (RFC 5280, section 4.1). Raises `ValueError` or `IndexError`."""
    _, certificate, _ = _element(der)
    _, rest, _ = _element(certificate)
    tag, _, after_version = _element(rest)
    if tag == _VERSION:
        rest = after_version
    for expected in (_INTEGER, _SEQUENCE, _SEQUENCE):  # number, algorithm, issuer
        tag, _, rest = _element(rest)
        if tag != expected:
            raise ValueError(f"this is no certificate: {tag:#x} in place of {expected:#x}")
    _, validity, _ = _element(rest)
    _, _, rest = _element(validity)
    tag, value, _ = _element(rest)
    text = value.decode("ascii")
    if tag == _UTC_TIME:
        text = ("19" if text >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _element(der: bytes) -> tuple[int, bytes, bytes]:
    """The tag and the content of the first element, and what comes after it."""
    length, begin = der[1], 2
    if length & 0x80:
        begin += length & 0x7F
        length = int.from_bytes(der[2:begin])
    return der[0], der[begin : begin + length], der[begin + length :]
