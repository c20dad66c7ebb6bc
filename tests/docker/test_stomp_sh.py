"""What runs the STOMP programs in their containers. (With the real ones: test_real_stomp.py.)"""

import os
import signal
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentkit.processes import Service
from agentkit.stomp import NAMES, STOMP_SH
from agentkit.waiting import wait_until

PEER = "ab" * 16
PROGRAM = """#!/bin/sh
echo "began ${0##*/} $* with $(cat "${SWPT_NODEDATA_URL#file://}/server.crt")"
exec sleep 600
"""


class Pod:
    """A container of a STOMP image whose programs only say that they run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "node"
        self.peer = self.folder / "peers" / PEER
        self.peer.mkdir(parents=True)
        for path in (self.folder / "server.crt", self.folder / "root-ca.crt", self.peer / "ACTIVE"):
            path.write_text("first")
        self.programs = folder / "programs"
        self.programs.mkdir()
        for name in NAMES.values():
            text = PROGRAM if name != "configure-queue" else PROGRAM.replace("exec sleep 600", "")
            (self.programs / name).write_text(text)
            (self.programs / name).chmod(0o755)
        self._log = folder / "log"
        self.archive = folder / "archive" / "nodedata.tar.gz"

    def start(self, *words: str, **settings: str) -> Service:
        environment = {
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "SWPT_NODEDATA_URL": f"file://{self.folder}",
            "SWPT_SERVER_CERT": str(self.folder / "server.crt"),
            "SWPT_SERVER_KEY": str(self.folder / "server.key"),
            **settings,
        }
        self.service = Service("stomp", ["sh", str(STOMP_SH), *words], self._log)
        self.service.start(environment)
        return self.service

    def says(self, text: str, count: int = 1) -> None:
        wait_until(lambda: self.service.log.count(text) == count, 30, f"{count} times {text}")

    def pack(self, folder: Path) -> None:
        """As a Secret is changed: at once."""
        self.archive.parent.mkdir(exist_ok=True)
        new = self.archive.with_suffix(".new")
        with tarfile.open(new, "w:gz") as archive:
            archive.add(folder, ".")
        new.replace(self.archive)


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[Pod]:
    made = Pod(tmp_path)
    yield made
    made.service.kill()


def test_client_follows_the_folder_of_its_peer(pod: Pod) -> None:
    (pod.peer / "ACTIVE").unlink()
    client = pod.start("swpt-client", PEER, "q")
    pod.says(f"nothing to do for swpt-client: the peer {PEER} is new")
    (pod.peer / "ACTIVE").touch()
    pod.says(f"began swpt-client {PEER} q with first")
    (pod.peer / "queues.txt").write_text("2\n")
    pod.says(f"began swpt-client {PEER} q.1 with first")
    pod.says(f"began swpt-client {PEER} q with first", 2)
    (pod.folder / "server.crt").write_text("second")
    pod.says(f"began swpt-client {PEER} q.1 with second")
    (pod.peer / "DEACTIVATED").touch()
    pod.says("nothing to do for swpt-client: the peer abab", 1)
    client.process.send_signal(signal.SIGTERM)
    assert client.process.wait(30) == 0


def test_drainer_waits_for_the_end_of_a_peer(pod: Pod) -> None:
    pod.start("swpt-drainer", PEER, "q")
    pod.says("nothing to do for swpt-drainer")
    (pod.peer / "DEACTIVATED").touch()
    pod.says(f"began swpt-drainer {PEER} q with")


def test_server_goes_on_when_there_is_a_new_peer(pod: Pod) -> None:
    pod.start("swpt-server")
    pod.says("began swpt-server")
    other = pod.folder / "peers" / ("cd" * 16)
    other.mkdir()
    (other / "ACTIVE").touch()
    (other / "root-ca.crt").write_text("x")
    # It is looked at again and again: what is changed later is seen later.
    (pod.folder / "root-ca.crt").write_text("second")
    pod.says("began swpt-server", 2)
    (other / "ACTIVE").unlink()
    pod.says("began swpt-server", 3)


def test_folder_comes_from_an_archive(pod: Pod, tmp_path: Path) -> None:
    unpacked = tmp_path / "unpacked" / "node"
    settings = {
        "NODEDATA_ARCHIVE": str(pod.archive),
        "SWPT_NODEDATA_URL": f"file://{unpacked}",
        "SWPT_SERVER_CERT": str(unpacked / "server.crt"),
    }
    pod.pack(pod.folder)
    server = pod.start("swpt-server", **settings)
    pod.says("with first")
    (pod.folder / "server.crt").write_text("second")
    (pod.peer / "ACTIVE").unlink()
    pod.pack(pod.folder)
    pod.says("with second")
    assert not (unpacked / "peers" / PEER / "ACTIVE").exists()
    # What nobody can unpack changes nothing.
    pod.archive.write_bytes(b"nonsense")
    pod.says("cannot be unpacked", 1)
    assert (unpacked / "server.crt").read_text() == "second"
    assert server.is_alive()


def test_each_queue_is_made(pod: Pod) -> None:
    (pod.peer / "queues.txt").write_text("3\n")
    made = pod.start("configure-queue", PEER, "q")
    assert made.process.wait(30) == 0
    for queue in ("q", "q.1", "q.2"):
        assert f"began configure-queue {PEER} {queue} with" in made.log
    # There is nothing to make for one that is gone; its drainer is not to wait for it.
    (pod.peer / "DEACTIVATED").touch()
    assert pod.start("configure-queue", PEER, "q").process.wait(30) == 0
    assert made.log.count("began") == 3


def test_container_ends_when_its_program_has_ended(pod: Pod) -> None:
    (pod.programs / "swpt-server").write_text("#!/bin/sh\nexit 0\n")
    assert pod.start("swpt-server").process.wait(30) == 1
