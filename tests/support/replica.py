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
from agentkit.waiting import NotInTimeError, wait_until

_USER = "postgres"
# Each of the backup and the start: the server has the databases and the WAL of all other tests.
_START_SECONDS_MAX = 300
_DROP_SECONDS_MAX = 60.0
_LOG_LINES_COUNT = 30
_REPLAY_SECONDS_MAX = 120.0
_HOW_FAR = """
SELECT pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn(), pg_get_wal_replay_pause_state(),
       (SELECT status FROM pg_stat_wal_receiver),
       (SELECT array_agg(DISTINCT wait_event) FROM pg_stat_activity WHERE backend_type = 'startup')
"""


def server_program(name: str) -> str:
    """That of the server: the wrapper in the path may want a configuration."""
    if chosen := os.environ.get("POSTGRES_BIN"):
        return str(Path(chosen) / name)
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    found = [str(folder / name) for folder in folders if (folder / name).exists()]
    return found[-1] if found else name


def run_as_server(*command: str, seconds_max: float = 120) -> None:
    # The server does not run as root. What it writes must not keep our pipes open.
    become = ("setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--init-groups")
    subprocess.run(
        [*(become if os.getuid() == 0 else ()), *command],
        check=True,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        timeout=seconds_max,
    )


@contextmanager
def replica_of(url: str, **options: str) -> Iterator[str]:
    """The URL of the same database on a new replica, with options of the server.

    Its slot keeps what it has not received yet: other tests may write more than the primary
    would keep for it while it starts.
    """
    folder = Path(tempfile.mkdtemp(prefix="replica_"))
    data, port, slot = str(folder / "data"), free_port(), folder.name
    if os.getuid() == 0:
        shutil.chown(folder, _USER, _USER)
    try:
        # before the backup, which does not keep what it begins with
        execute(dsn_of(url), "SELECT pg_create_physical_replication_slot(%s, true)", slot)
        backup = (server_program("pg_basebackup"), "-c", "fast", "-R", "-S", slot)
        run_as_server(*backup, "-D", data, "-d", dsn_of(url), seconds_max=_START_SECONDS_MAX)
        wanted = {
            "port": str(port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            # a standby wants as many as its primary has
            "max_connections": "300",
            "max_wal_senders": "30",
            "max_worker_processes": "24",
            "shared_preload_libraries": "",
            **options,
        }
        flags = " ".join(f"-c {name}='{value}'" for name, value in wanted.items())
        control = (server_program("pg_ctl"), "-s", "-w", "-D", data)
        try:
            _start(control, folder / "log", flags)
            yield make_url(url).set(port=port).render_as_string(hide_password=False)
        finally:
            if Path(data, "postmaster.pid").exists():  # it goes on when pg_ctl waits no more
                run_as_server(*control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)
        wait_until(lambda: _is_dropped(url, slot), _DROP_SECONDS_MAX, f"{slot} is not dropped")


def _start(control: tuple[str, ...], log: Path, flags: str) -> None:
    """Raises `CalledProcessError`, and says what the server has logged."""
    limit = ("-t", str(_START_SECONDS_MAX))
    try:
        run_as_server(
            *(*control, *limit, "-l", str(log), "-o", flags, "start"),
            seconds_max=_START_SECONDS_MAX + 30,  # pg_ctl says first that it is too long
        )
    except subprocess.CalledProcessError as e:
        last = log.read_text().splitlines()[-_LOG_LINES_COUNT:] if log.exists() else []
        e.add_note("\n".join(["the server has logged:", *last]))
        raise


def _is_dropped(url: str, slot: str) -> bool:
    """Drop the slot, if the primary knows already that its replica is gone."""
    drop = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
    execute(dsn_of(url), f"{drop} WHERE slot_name = %s AND NOT active", slot)
    left = "SELECT count(*) FROM pg_replication_slots WHERE slot_name = %s"
    return execute(dsn_of(url), left, slot) == [(0,)]


def wait_replayed(url: str, replica_url: str) -> None:
    """Wait until the replica has what its primary has now."""
    ((lsn,),) = execute(dsn_of(url), "SELECT pg_current_wal_flush_lsn()")
    statement = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
    try:
        wait_until(
            lambda: execute(dsn_of(replica_url), statement, lsn) == [(True,)],
            _REPLAY_SECONDS_MAX,
            f"replayed {lsn}",
        )
    except NotInTimeError as e:
        e.add_note(f"the replica: {execute(dsn_of(replica_url), _HOW_FAR)}")
        raise
