"""Commands of the pages, as they stand there: an operator may run each of them again."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentkit.database import execute
from agentkit.own_server import OwnServer, own_server, run_as_server, server_program
from agentkit.processes import ROOT
from agentkit.waiting import wait_until
from tests.support.archived import BACKUP_PAGE, ArchivedServer, archived_server, ini_of

HOW_TO = ROOT / "docs" / "how-to"


def blocks(page: Path, language: str) -> list[str]:
    """The blocks of a page in a language, without their indent."""
    fenced = rf"^( *)```{language}\n(.*?)^ *```$"
    found = re.findall(fenced, page.read_text(), re.M | re.S)
    assert found, (page, language)
    return [re.sub(f"^{indent}", "", text, flags=re.M) for indent, text in found]


class Place:
    """A server with an archive, and the folders of the page in its own folder."""

    def __init__(self, server: ArchivedServer) -> None:
        self.server = server
        self.backup = server.archive.parent
        programs = self.backup / "bin"
        programs.mkdir()
        for name in ("pg_basebackup", "pg_archivecleanup"):
            (programs / name).symlink_to(server_program(name))

    def run(self, script: str) -> None:
        """Run a script of the page as PostgreSQL's user."""
        script = script.replace("/backup/", f"{self.backup}/")
        script = script.replace("/var/lib/postgresql/data", str(self.server.data))
        script = script.replace("host=… user=…", self.server.dsn)
        path = f"PATH={self.backup / 'bin'}:{os.environ['PATH']}"
        run_as_server("env", path, "bash", "-c", script)

    def start_restored(self) -> None:
        (settings,) = [text for text in blocks(BACKUP_PAGE, "ini") if "restore_command" in text]
        archiving = {"archive_mode": "on", "archive_command": self.server.archive_command}
        self.server.start(**archiving, **ini_of(settings, self.backup))
        is_over = "SELECT NOT pg_is_in_recovery()"
        wait_until(lambda: execute(self.server.dsn, is_over) == [(True,)], 60, "is restored")

    def rows(self) -> list[tuple[object, ...]]:
        return execute(self.server.dsn, "SELECT * FROM noted ORDER BY id")

    def bases(self) -> list[str]:
        return sorted(path.name for path in self.backup.glob("base.2*"))


@pytest.fixture
def place(own_servers: None) -> Iterator[Place]:
    with archived_server() as server:
        yield Place(server)


def test_backups_and_restores(place: Place) -> None:
    server = place.server
    nightly, restore = blocks(BACKUP_PAGE, "sh")
    execute(server.dsn, "CREATE TABLE noted AS SELECT 1 AS id")
    for count in (1, 2):
        place.run(nightly)
        assert len(place.bases()) == count
        execute(server.dsn, f"INSERT INTO noted VALUES ({count + 1})")
        server.archive_now()
    assert (place.backup / "base").resolve().name == place.bases()[-1]

    # PostgreSQL archives again what it does not know to be archived.
    segment = max(p for p in server.archive.iterdir() if len(p.name) == 24)
    archive = server.archive_command.replace("%f", segment.name)
    for content, is_taken in ((segment.read_bytes(), True), (b"another", False)):
        again = place.backup / "again"
        again.write_bytes(content)
        done = subprocess.run(["sh", "-c", archive.replace("%p", str(again))], check=False)
        assert (done.returncode == 0) == is_taken
        assert segment.stat().st_size > 1000

    # The second time, there is the folder of the first restored server.
    server.stop()
    for _ in range(2):
        place.run(restore)
        place.start_restored()
        assert place.rows() == [(1,), (2,), (3,)]
        server.stop()
    before = list(server.data.parent.glob(f"{server.data.name}.2*"))
    assert len(before) == 2
    assert (server.archive / "00000002.history").exists()
    assert not (server.data / "base" / "base").exists()


def test_old_backups_go_with_their_wal(place: Place) -> None:
    nightly = blocks(BACKUP_PAGE, "sh")[0].replace("-n -7", "-n -2")
    for _ in range(4):
        place.run(nightly)
        place.server.archive_now()
    assert len(place.bases()) == 2
    label = (place.backup / place.bases()[0] / "backup_label").read_text()
    kept = sorted(p.name for p in place.server.archive.iterdir() if len(p.name) == 24)
    assert f"(file {kept[0]})" in label


@pytest.fixture(scope="module")
def server(own_servers: None) -> Iterator[OwnServer]:
    with own_server() as made:
        execute(f"{made.url.set(drivername='postgresql')}", "CREATE ROLE swpt_accounts LOGIN")
        yield made


@pytest.mark.parametrize(
    "page", ["how-to/least-privilege.md", "how-to/prove-the-books.md", "operations.md"]
)
def test_roles_and_databases(server: OwnServer, page: str) -> None:
    script = "\n".join(blocks(ROOT / "docs" / page, "sql"))
    url = server.url.set(drivername="postgresql").render_as_string(hide_password=False)
    for _ in range(2):
        done = subprocess.run(
            ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url],
            input=script,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def test_secrets_that_are_there_stay(tmp_path: Path) -> None:
    """A second token would end all sessions; second passwords would not be those of the cluster."""
    (token,) = blocks(HOW_TO / "look-into-it-with-a-browser.md", "sh")
    text = (HOW_TO / "run-on-kubernetes.md").read_text()
    found = re.search(r"^    (\[ -s secrets.yaml \].*)$", text, re.M)
    assert found
    overlay = ROOT / "deploy" / "kubernetes" / "overlays" / "small"
    secrets = found[1].replace("$OVERLAY", str(overlay)).replace(" NODEDATA", "")
    for script, name in ((token, "console_token"), (secrets, "secrets.yaml")):
        written = set()
        for _ in range(2):
            subprocess.run(["sh", "-euc", script], cwd=tmp_path, check=True)
            written.add((tmp_path / name).read_text())
            assert (tmp_path / name).stat().st_mode & 0o077 == 0
        assert len(written) == 1
        assert len(written.pop()) > 20
