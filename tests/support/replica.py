"""A replica of a server: it follows by streaming replication."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import make_url

from agentkit.database import dsn_of, execute
from agentkit.own_server import OwnServer, server_folder
from agentkit.waiting import NotInTimeError, wait_until

_REPLAY_SECONDS_MAX = 120.0
_HOW_FAR = """
SELECT pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn(), pg_get_wal_replay_pause_state(),
       (SELECT status FROM pg_stat_wal_receiver),
       (SELECT array_agg(DISTINCT wait_event) FROM pg_stat_activity WHERE backend_type = 'startup')
"""


@contextmanager
def replica_of(url: str, **options: str) -> Iterator[str]:
    """The URL of the same database on a new replica, with options of the server.

    Its slot keeps what it has not received yet, and stays: the primary has to be one of the test's
    own (`own_server`), which is small, too.
    """
    with server_folder("replica") as folder:
        replica = OwnServer(folder / "data")
        try:
            # before the backup, which does not keep what it begins with
            execute(dsn_of(url), "SELECT pg_create_physical_replication_slot('replica', true)")
            replica.copy(dsn_of(url), "-R", "-S", "replica")
            replica.start(**options)
            yield make_url(url).set(port=replica.port).render_as_string(hide_password=False)
        finally:
            replica.stop()


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
