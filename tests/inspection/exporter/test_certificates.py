"""When certificates end, as openssl says it."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from swpt_accounts.inspection.exporter.certificates import ends_of_certificates

PEER = "ab" * 16


def issue(path: Path, days: int, text: str = "") -> float:
    """Make a certificate, with a text before it. Returns when it ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options = ["-newkey", "rsa:1024", "-nodes", "-subj", "/O=x/CN=y", "-keyout", "/dev/null"]
    command = ["openssl", "req", "-x509", *options, "-days", str(days), "-out", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    shown = ["openssl", "x509", "-noout", "-enddate", "-in", str(path)]
    said = subprocess.check_output(shown, text=True).strip().partition("=")[2]
    path.write_text(text + path.read_text())
    return datetime.strptime(said, "%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC).timestamp()


def ends(folder: Path) -> dict[str, float]:
    return {labels[0]: end for (_, labels), end in ends_of_certificates(str(folder)).items()}


@pytest.mark.parametrize("days", [1, 365, 365000])
def test_end_is_that_which_openssl_says(tmp_path: Path, days: int) -> None:
    told = issue(tmp_path / "server.crt", days, "Certificate:\n    Version: 3\n")
    assert ends(tmp_path) == {"server.crt": told}


def test_own_certificates_and_those_of_peers(tmp_path: Path) -> None:
    files = ("root-ca.crt", "server.crt", f"peers/{PEER}/peercert.crt", f"peers/{PEER}/sub-ca.crt")
    told = {file: issue(tmp_path / file, 365) for file in files}
    issue(tmp_path / "peers" / PEER / "root-ca.crt", 365)  # the peer's own concern
    issue(tmp_path / "peers" / "gone" / "sub-ca.crt", 365)
    (tmp_path / "peers" / "gone" / "DEACTIVATED").touch()
    assert ends(tmp_path) == told
    # As a ConfigMap has them, which has no folders.
    flat = tmp_path / "flat"
    flat.mkdir()
    for file in files:
        (flat / file.replace("/", "_")).write_bytes((tmp_path / file).read_bytes())
    assert ends(flat) == told


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nMIID\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
    ],
)
def test_what_nobody_can_read_has_ended(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "server.crt").write_bytes(content)
    assert ends(tmp_path) == {"server.crt": 0.0}


def test_without_a_folder_nothing_is_told(tmp_path: Path) -> None:
    assert ends_of_certificates("") == {}
    assert ends(tmp_path / "not there") == {}
