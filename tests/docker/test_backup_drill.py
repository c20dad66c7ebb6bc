"""docker/backup_drill.sh: what an operator runs each month, on good backups and on bad ones."""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from agentkit.database import dsn_of, execute
from agentkit.databases import Databases
from agentkit.own_server import server_program
from agentkit.processes import ROOT, free_port
from agentkit.waiting import wait_until
from tests.support.archived import SMALL_SEGMENTS, ArchivedServer, archived_server

SCRIPT = ROOT / "docker" / "backup_drill.sh"
SECONDS_MAX = 120.0
DEBTOR = 1234567
ACCOUNTS = f"""
    INSERT INTO account_key VALUES ({DEBTOR}, 0), ({DEBTOR}, 4294967297);
    INSERT INTO account (
        debtor_id, creditor_id, creation_date, last_change_ts, last_interest_capitalization_ts,
        last_transfer_id, principal, negligible_amount, minimal_balance
    )
    SELECT
        debtor_id, creditor_id, current_date - 1, now(), now(),
        ((current_date - 1) - date '1970-01-01')::bigint << 40,
        CASE creditor_id WHEN 0 THEN -500 ELSE 500 END, 1000,
        CASE creditor_id WHEN 0 THEN -1000 ELSE 0 END
    FROM account_key;
    INSERT INTO root_config (debtor_id, interest_rate) VALUES ({DEBTOR}, 0);
"""
CHANGE = f"UPDATE account SET last_change_ts = now() WHERE debtor_id = {DEBTOR}"


@dataclass
class Backup:
    """A base backup, and the WAL since then."""

    base: Path
    archive: Path
    database: str
    scratch: Path

    def command(self, *options: str, verify: str = "verify_books --quiet") -> list[str]:
        """The drill, with the archive, unless the options name a command."""
        verify_command = f"{shlex.quote(sys.executable)} -m swpt_accounts {verify}"
        archive = [] if "--wal-command" in options else [str(self.archive)]
        own = ["--database", self.database, "--scratch", str(self.scratch)]
        own += ["--verify", verify_command]
        return [str(SCRIPT), *own, *options, str(self.base), *archive]

    def drill(self, *options: str, **others: str) -> subprocess.CompletedProcess[str]:
        """Make the drill. Nothing may be left of it."""
        result = subprocess.run(
            self.command(*options, **others),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS_MAX,
            check=False,
        )
        assert list(self.scratch.iterdir()) == []
        return result

    def refused(self, *options: str) -> str:
        """What is wrong with it, in the end."""
        result = self.drill(*options)
        assert result.returncode == 1, result.stdout
        assert "the backup is good" not in result.stdout
        return result.stdout


@pytest.fixture(scope="module")
def made(own_servers: None) -> Iterator[tuple[ArchivedServer, str]]:
    """A server at work with a backup, whose last commit but one is archived; and its database."""
    with archived_server(SMALL_SEGMENTS) as server:
        url = Databases(server.url).create()
        dsn = dsn_of(url)
        execute(dsn, ACCOUNTS)
        assert server.begin_backup(server.backup, "-c", "fast").wait(60) == 0
        for _ in range(4):
            execute(dsn, CHANGE)
            server.archive_now()
        yield server, url.rpartition("/")[2]


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Where the server's user can walk to."""
    folder = Path(tempfile.mkdtemp(prefix="drill_"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def backup(made: tuple[ArchivedServer, str]) -> Iterator[Backup]:
    """A copy of the backup, for a test to damage."""
    server, database = made
    with scratch_folder() as folder:
        subprocess.run(["cp", "-a", server.backup, server.archive, folder], check=True)
        (folder / "scratch").mkdir()
        yield Backup(folder / "backup", folder / server.archive.name, database, folder / "scratch")


def segments(backup: Backup) -> list[Path]:
    """The archived segments, in order."""
    return sorted(p for p in backup.archive.iterdir() if len(p.name) == 24)


def test_good_backup(made: tuple[ArchivedServer, str], backup: Backup) -> None:
    result = backup.drill("--age-max", "60")
    assert result.returncode == 0, result.stdout
    lines = result.stdout.splitlines()
    assert lines[-1] == "the backup is good"
    assert "rows: account 2, prepared_transfer 0, registered_balance_change 0" in lines
    told = f"debtor {DEBTOR}: accounts 2, the debtor has -500, creditors have 500, locked 0"
    assert told in lines
    assert any(line.startswith("the newest commit is of 20") for line in lines)
    # the server that was backed up goes on
    assert execute(made[0].dsn, "SELECT 1") == [(1,)]


def test_packed_backup_with_a_command_and_a_port(
    made: tuple[ArchivedServer, str], backup: Backup
) -> None:
    server = made[0]
    backup.base = backup.base.parent / "packed"
    backup.base.parent.chmod(0o777)
    assert server.begin_backup(backup.base, "-c", "fast", "-Ft", "-z").wait(60) == 0
    execute(server.dsn_of(backup.database), CHANGE)
    server.archive_now()
    wal_command = f"cp {server.archive}/%f %p"
    result = backup.drill("--wal-command", wal_command, "--port", str(free_port()))
    assert result.returncode == 0, result.stdout
    assert result.stdout.endswith("the backup is good\n")


def test_to_a_moment(made: tuple[ArchivedServer, str], backup: Backup) -> None:
    server = made[0]
    until = server.now()
    execute(server.dsn_of(backup.database), CHANGE)
    server.archive_now()
    backup.archive = server.archive
    result = backup.drill("--until", until.isoformat())
    assert result.returncode == 0, result.stdout
    (newest,) = re.findall(r"^the newest commit is of (.*), \d+ s ago", result.stdout, re.MULTILINE)
    assert datetime.fromisoformat(newest + ":00") < until
    told = backup.refused("--until", "2099-01-01 00:00:00+00")
    assert "recovery ended before configured recovery target was reached" in told


def test_archive_that_has_stopped(backup: Backup) -> None:
    told = backup.refused("--age-max", "0")
    assert "the newest commit is older than 0 minutes" in told


def test_missing_wal(backup: Backup) -> None:
    segments(backup)[-2].unlink()
    assert f"the next file is {segments(backup)[-1].name}" in backup.refused()


def test_no_wal_at_all(backup: Backup) -> None:
    for path in backup.archive.iterdir():
        path.unlink()
    assert "there is no WAL in" in backup.refused()


def test_truncated_wal(backup: Backup) -> None:
    last = segments(backup)[-1]
    os.truncate(last, last.stat().st_size // 2)
    assert "wrong size" in backup.refused()


def test_damaged_wal(backup: Backup) -> None:
    """PostgreSQL takes the damage for the end of the WAL."""
    path = segments(backup)[-2]
    path.write_bytes(bytes(path.stat().st_size))
    told = backup.refused()
    assert "the WAL is damaged" in told
    assert segments(backup)[-1].name[8:] in told


def test_damaged_file(backup: Backup) -> None:
    path = max(backup.base.glob("base/*/*"), key=lambda p: p.stat().st_size)
    with path.open("r+b") as file:
        file.seek(5000)
        file.write(b"\x55" * 16)
    told = backup.refused()
    assert "the backup is damaged" in told
    assert path.name in told


def test_books_that_do_not_add_up(made: tuple[ArchivedServer, str], backup: Backup) -> None:
    server = made[0]
    dsn = server.dsn_of(backup.database)
    change = "UPDATE account SET principal = principal + {} WHERE creditor_id <> 0"
    execute(dsn, change.format(1))
    server.archive_now()
    execute(dsn, change.format(-1))
    backup.archive = server.archive
    told = backup.refused()
    assert "debtor_sum" in told
    assert "the books do not add up" in told


def test_books_that_cannot_be_verified(backup: Backup) -> None:
    result = backup.drill(verify="no_such_command")
    assert result.returncode == 1
    assert "the books could not be verified (exit code 2)" in result.stdout
    for database in ("postgres", "nowhere"):
        assert "(--database)" in backup.refused("--database", database)
    assert "(--user)" in backup.refused("--user", "nobody")


def test_interrupted(made: tuple[ArchivedServer, str], backup: Backup) -> None:
    """While the books are verified, which would take an hour; the server is at work."""
    started = backup.scratch.parent / "started"
    command = backup.command()
    command[command.index("--verify") + 1] = f"touch {started}; sleep 3600"
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    wait_until(started.exists, SECONDS_MAX, "the books are being verified")
    (copy,) = backup.scratch.iterdir()
    postmaster = int((copy / "data" / "postmaster.pid").read_text().split()[0])
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=SECONDS_MAX)
    assert process.returncode == 1
    assert b"it was interrupted" in told
    assert list(backup.scratch.iterdir()) == []
    assert not Path(f"/proc/{postmaster}").exists()
    assert execute(made[0].dsn, "SELECT 1") == [(1,)]


def test_wrong_folders(made: tuple[ArchivedServer, str], backup: Backup) -> None:
    good = backup.base
    backup.base = backup.archive
    assert "is no base backup" in backup.refused()
    backup.base = made[0].data
    assert "is the data folder of a server" in backup.refused()
    backup.base = good / "nowhere"
    assert "there is no folder" in backup.refused()
    backup.base, backup.archive = good, good / "nowhere"
    assert "there is no folder" in backup.refused()


def test_wrong_version(backup: Backup, monkeypatch: pytest.MonkeyPatch) -> None:
    (backup.base / "PG_VERSION").write_text("12\n")
    monkeypatch.setenv("POSTGRES_BIN", str(Path(server_program("postgres")).parent))
    assert "the backup is of PostgreSQL 12, and the programs in" in backup.refused()


def test_programs_that_are_not_here(backup: Backup, monkeypatch: pytest.MonkeyPatch) -> None:
    (backup.base / "PG_VERSION").write_text("12\n")
    monkeypatch.delenv("POSTGRES_BIN", raising=False)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    words = "the backup is of PostgreSQL 12, and its programs are not here"
    assert words in backup.refused()


def test_port_in_use(backup: Backup) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"somebody listens on port {port} already" in backup.refused("--port", port)


def test_no_space(backup: Backup) -> None:
    """For a backup that says it is larger than any disk."""
    stub = backup.scratch.parent / "du"
    stub.write_text("#!/bin/sh\nprintf '99999999999999\\t.'\n")
    stub.chmod(0o755)
    environment = {**os.environ, "PATH": f"{stub.parent}:{os.environ['PATH']}"}
    result = subprocess.run(
        backup.command(), env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert "MiB free, and" in result.stderr
    assert list(backup.scratch.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [(), ("backup",), ("--port",), ("--nothing",), ("--minutes", "x", "a", "b"), ("a", "b", "c")],
)
def test_wrong_options(words: tuple[str, ...]) -> None:
    result = subprocess.run([str(SCRIPT), *words], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "(--help)" in result.stderr
