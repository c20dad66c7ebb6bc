"""What can be said of the Dockerfile without building it."""

import re

from agentkit.processes import ROOT
from tests.docker.processes import DOCKER

TEXT = (ROOT / "Dockerfile").read_text()
SERVER = TEXT.rpartition("\nFROM ")[2]


def test_every_copied_file_exists() -> None:
    joined = TEXT.replace("\\\n", " ")
    for words in re.findall(r"^COPY (?!--from)(.*)$", joined, re.MULTILINE):
        for name in words.split()[:-1]:
            assert (ROOT / name).exists(), name


def test_every_script_of_the_container_is_copied() -> None:
    copied = set(re.findall(r"docker/(\S+\.\w+)", SERVER))
    text = "".join((DOCKER / name).read_text() for name in copied)
    used = {
        path.name
        for path in DOCKER.iterdir()
        if path.is_file() and re.search(rf"(\$here|%\(here\)s|\$conf|/docker)/{path.name}\b", text)
    }
    assert used <= copied
    assert {"entrypoint.sh", "supervise.sh", "supervisord.conf"} <= copied


def test_all_packages_have_hashes() -> None:
    assert TEXT.count("pip --python") == TEXT.count("--require-hashes") == 2
    for name in ("main", "dev"):
        lines = (ROOT / "requirements" / f"{name}.txt").read_text().replace("\\\n", "")
        locked = [line for line in lines.splitlines() if "==" in line and line[0] not in "# "]
        assert locked
        assert all("--hash=sha256:" in line for line in locked)


def test_container_is_not_root() -> None:
    users = re.findall(r"^USER (\S+)$", TEXT, re.MULTILINE)
    assert users == ["10001:10001", "10001:10001"]
    assert "USER" in SERVER
