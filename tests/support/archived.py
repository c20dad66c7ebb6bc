"""A PostgreSQL server whose WAL is archived: it can be backed up, lost, and restored."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import psycopg

from agentkit.database import dsn_of, execute
from agentkit.own_server import OwnServer, run_as_server, server_folder, server_program
from agentkit.processes import ROOT
from agentkit.waiting import wait_until

BACKUP_PAGE = ROOT / "docs" / "how-to" / "prove-a-backup.md"
# To be copied often: almost empty segments of 16 MB are most of a backup.
SMALL_SEGMENTS = "--wal-segsize=1"
_SECONDS_MAX = 60.0


def ini_of(text: str, folder: Path) -> dict[str, str]:
    """The settings of PostgreSQL in a block of the page, with a folder in place of its own."""
    lines = re.findall(r"^ *(\w+) = (?:'(.*)'|(\w+)).*$", text.partition("```")[0], re.M)
    return {name: (text or word).replace("/backup/", f"{folder}/") for name, text, word in lines}


class ArchivedServer(OwnServer):
    """Databases are named by URLs that stay the same."""

    def __init__(self, folder: Path, *options: str) -> None:
        super().__init__(folder / "data")
        self.folder = folder
        self.archive, self.backup = folder / "wal", folder / "backup"
        self._restored_count = 0
        run_as_server("mkdir", str(self.archive))
        self.create(*options)
        settings = ini_of(BACKUP_PAGE.read_text().partition("```ini\n")[2], folder)
        self.archive_command = settings["archive_command"]
        self.start(archive_mode="on", archive_command=self.archive_command)

    @property
    def dsn(self) -> str:
        return dsn_of(self.url)

    def now(self) -> datetime:
        """The time of the server."""
        ((moment,),) = execute(self.dsn, "SELECT clock_timestamp()")
        assert isinstance(moment, datetime)
        return moment

    def dsn_of(self, database: str) -> str:
        """The address of a database."""
        return dsn_of(self.url.set(database=database))

    def begin_backup(self, folder: Path, *options: str) -> subprocess.Popen[bytes]:
        """Begin a base backup into a folder, which takes a while."""
        words = [server_program("pg_basebackup"), "-D", str(folder), "-d", self.dsn, *options]
        become = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
        return subprocess.Popen([*(become if os.getuid() == 0 else ()), *words], cwd="/")

    def archive_now(self) -> None:
        """Have the WAL until now archived."""
        ((name,),) = execute(self.dsn, "SELECT pg_walfile_name(pg_switch_wal())")
        wait_until(lambda: (self.archive / name).exists(), _SECONDS_MAX, f"{name} is archived")
        done = "SELECT last_archived_wal >= %s FROM pg_stat_archiver"
        wait_until(lambda: execute(self.dsn, done, name) == [(True,)], _SECONDS_MAX)

    def lose(self) -> None:
        """Kill the server, and remove its files."""
        pid = int((self.data / "postmaster.pid").read_text().split()[0])
        children = [p for p in map(int, filter(str.isdigit, os.listdir("/proc"))) if _is_of(p, pid)]
        for one in (pid, *children):
            try:
                os.kill(one, signal.SIGKILL)
            except ProcessLookupError:
                pass  # it has just ended
        wait_until(lambda: not self._answers(), _SECONDS_MAX, "the server is gone")
        shutil.rmtree(self.data)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.dsn, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def restore(self, until: datetime | None = None) -> None:
        """Restore to a moment, or to the end of the archive. It takes the place of the lost one."""
        self._restored_count += 1
        self.data = self.folder / f"restored_{self._restored_count}"
        run_as_server("cp", "-a", str(self.backup), str(self.data))
        run_as_server("touch", str(self.data / "recovery.signal"))
        target = {} if until is None else {"recovery_target_time": until.isoformat()}
        self.start(
            restore_command=f"cp {self.archive}/%f %p", recovery_target_action="promote", **target
        )
        is_over = "SELECT NOT pg_is_in_recovery()"
        wait_until(lambda: execute(self.dsn, is_over) == [(True,)], _SECONDS_MAX, "is restored")


def _is_of(pid: int, parent: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return int(stat.rpartition(")")[2].split()[1]) == parent


@contextmanager
def archived_server(*options: str) -> Iterator[ArchivedServer]:
    """A server in a folder of its own, which goes with it, by the options of `initdb`."""
    with server_folder("archived") as folder:
        server = ArchivedServer(folder, *options)
        try:
            yield server
        finally:
            server.stop()
