"""A private PgBouncer before the test database."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import URL, make_url

from agentkit.database import dsn_of
from agentkit.processes import free_port
from agentkit.waiting import wait_until

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
_USER = "postgres"


def _start(
    folder: Path, url: URL, pool_mode: str, lines: list[str]
) -> tuple[int, "subprocess.Popen[bytes]"]:
    assert PROGRAM is not None
    port = free_port()
    users = folder / "users.txt"
    users.write_text(f'"{url.username}" "{url.password}"\n')
    ini = folder / "pgbouncer.ini"
    ini.write_text(
        "\n".join(
            [
                "[databases]",
                f"* = host={url.host} port={url.port} user={url.username} password={url.password}",
                "[pgbouncer]",
                "listen_addr = 127.0.0.1",
                f"listen_port = {port}",
                "unix_socket_dir =",
                "auth_type = trust",
                f"auth_file = {users}",
                f"pool_mode = {pool_mode}",
                *lines,
            ]
        )
    )
    is_root = os.geteuid() == 0
    # it refuses to be root
    if is_root:
        account = pwd.getpwnam(_USER)
        for path in (folder, users, ini):
            os.chown(path, account.pw_uid, account.pw_gid)
    process = subprocess.Popen(
        [PROGRAM, "-q", str(ini)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        user=_USER if is_root else None,
        group=_USER if is_root else None,
        extra_groups=[] if is_root else None,
    )
    return port, process


@pytest.fixture
def pooler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Starts a PgBouncer: `pooler(url, pool_mode, *lines)` gives the URL that goes through it."""
    if PROGRAM is None:
        pytest.skip("there is no pgbouncer (a Debian package) on this machine")
    processes: list[subprocess.Popen[bytes]] = []

    def start(database_url: str, pool_mode: str, *lines: str) -> str:
        url = make_url(database_url)
        folder = Path("/tmp") / f"pooler_{os.getpid()}_{len(processes)}"
        folder.mkdir(mode=0o755)
        folders.append(folder)
        port, process = _start(folder, url, pool_mode, list(lines))
        processes.append(process)
        made = url.set(host="127.0.0.1", port=port)

        def answers() -> bool:
            try:
                psycopg.connect(dsn_of(made)).close()
            except psycopg.Error:
                return False
            return True

        wait_until(answers)
        return made.render_as_string(hide_password=False)

    folders: list[Path] = []
    yield start
    for process in processes:
        process.terminate()
        process.wait()
    for folder in folders:
        shutil.rmtree(folder)
