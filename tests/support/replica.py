"""A replica of the test server: a cluster of its own that follows it by streaming replication."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import make_url

from agentkit.database import dsn_of, execute
from agentkit.processes import free_port
from agentkit.waiting import wait_until

_USER = "postgres"
_START_SECONDS_MAX = 60.0


def _program(name: str) -> str:
    """That of the server: the wrapper in the path may want a configuration."""
    if chosen := os.environ.get("POSTGRES_BIN"):
        return str(Path(chosen) / name)
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    found = [str(folder / name) for folder in folders if (folder / name).exists()]
    return found[-1] if found else name


def _run(*command: str) -> None:
    # The server does not run as root. What it writes must not keep our pipes open.
    become = ("setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--init-groups")
    subprocess.run(
        [*(become if os.getuid() == 0 else ()), *command],
        check=True,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        timeout=120,
    )


@contextmanager
def replica_of(url: str, **options: str) -> Iterator[str]:
    """The URL of the same database on a new replica, with options of the server."""
    folder = Path(tempfile.mkdtemp(prefix="replica_"))
    data, port = str(folder / "data"), free_port()
    if os.getuid() == 0:
        shutil.chown(folder, _USER, _USER)
    try:
        _run(_program("pg_basebackup"), "-D", data, "-R", "-c", "fast", "-d", dsn_of(url))
        wanted = {
            "port": str(port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            # a standby wants as many as its primary has
            "max_connections": "300",
            "shared_preload_libraries": "",
            **options,
        }
        flags = " ".join(f"-c {name}='{value}'" for name, value in wanted.items())
        control = (_program("pg_ctl"), "-s", "-w", "-D", data)
        _run(*control, "-l", str(folder / "log"), "-o", flags, "start")
        try:
            yield make_url(url).set(port=port).render_as_string(hide_password=False)
        finally:
            _run(*control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def wait_replayed(url: str, replica_url: str) -> None:
    """Wait until the replica has what its primary has now."""
    ((lsn,),) = execute(dsn_of(url), "SELECT pg_current_wal_flush_lsn()")
    statement = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
    wait_until(
        lambda: execute(dsn_of(replica_url), statement, lsn) == [(True,)], _START_SECONDS_MAX
    )
