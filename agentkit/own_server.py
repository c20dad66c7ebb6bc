"""A PostgreSQL server of a test's own: small, and nobody else's load is on it."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy.engine import URL

from agentkit.processes import free_port

SUPERUSER: Final = "postgres"
_START_SECONDS_MAX: Final = 120
_LOG_LINES_COUNT: Final = 30


def server_program(name: str) -> str:
    """That of the server: the wrapper in the path may want a configuration."""
    if chosen := os.environ.get("POSTGRES_BIN"):
        return str(Path(chosen) / name)
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    found = [str(folder / name) for folder in folders if (folder / name).exists()]
    return found[-1] if found else name


def run_as_server(*command: str, seconds_max: float = 120) -> None:
    # The server does not run as root. What it writes must not keep our pipes open.
    become = ("setpriv", f"--reuid={SUPERUSER}", f"--regid={SUPERUSER}", "--init-groups")
    subprocess.run(
        [*(become if os.getuid() == 0 else ()), *command],
        check=True,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        timeout=seconds_max,
    )


class OwnServer:
    """A server with a folder of files."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.log = data.with_name(f"{data.name}.log")
        self.port = free_port()
        self.url = URL.create("postgresql+psycopg", SUPERUSER, None, "127.0.0.1", self.port)
        self.url = self.url.set(database="postgres")

    def create(self, *options: str) -> None:
        """Make its files, by the options of `initdb`."""
        run_as_server(
            *(server_program("initdb"), "-D", str(self.data), "-U", SUPERUSER, "-A", "trust"),
            *("-E", "UTF8", "--locale=C.UTF-8", "--data-checksums"),
            *options,
        )

    def copy(self, primary: str, *options: str) -> None:
        """Take over the files of another server, as a base backup."""
        run_as_server(
            *(server_program("pg_basebackup"), "-c", "fast", "-D", str(self.data), "-d", primary),
            *options,
            seconds_max=_START_SECONDS_MAX,
        )

    def start(self, **options: str) -> None:
        """Raises `CalledProcessError`, and says what the server has logged."""
        wanted = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            **options,
        }
        flags = " ".join(f"-c {name}='{value}'" for name, value in wanted.items())
        try:
            run_as_server(
                *(*self._control, "-t", str(_START_SECONDS_MAX)),
                *("-l", str(self.log), "-o", flags, "start"),
                seconds_max=_START_SECONDS_MAX + 30,  # pg_ctl says first that it is too long
            )
        except subprocess.CalledProcessError as e:
            lines = self.log.read_text().splitlines() if self.log.exists() else []
            e.add_note("\n".join(["the server has logged:", *lines[-_LOG_LINES_COUNT:]]))
            raise

    @property
    def _control(self) -> tuple[str, ...]:
        return server_program("pg_ctl"), "-s", "-w", "-D", str(self.data)

    @property
    def is_up(self) -> bool:
        """Whether it has begun, and not ended; it goes on when pg_ctl waits no more."""
        return (self.data / "postmaster.pid").exists()

    def stop(self) -> None:
        """Stop it, if it is there."""
        if self.is_up:
            run_as_server(*self._control, "-m", "immediate", "stop")


@contextmanager
def server_folder(prefix: str) -> Iterator[Path]:
    """A folder for servers, which goes with them."""
    folder = Path(tempfile.mkdtemp(prefix=f"{prefix}_"))
    try:
        if os.getuid() == 0:
            shutil.chown(folder, SUPERUSER, SUPERUSER)
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def own_server(**options: str) -> Iterator[OwnServer]:
    """A new server at work, without databases of ours."""
    with server_folder("server") as folder:
        server = OwnServer(folder / "data")
        try:
            server.create()
            server.start(**options)
            yield server
        finally:
            server.stop()
