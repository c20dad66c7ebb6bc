"""Several connections to one database, and threads that wait for each other's locks."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic, sleep

from swpt_accounts.db.connection import connect
from swpt_accounts.settings import Settings
from verification.kit.shard import Shard
from verification.model.builders import NOW

SECONDS_MAX = 30.0


@contextmanager
def another_session(settings: Settings) -> Iterator[Shard]:
    """The same database by another connection, at the moment `NOW`.

    A statement that waits for others fails soon.
    """
    connection = connect(settings, "another")
    connection.raw.execute("SET statement_timeout = '20s'")
    made = Shard(connection, settings)
    made.set_now(NOW)
    try:
        yield made
    finally:
        connection.close()


class Blocked:
    """A call in a thread, which waits for a lock that somebody holds."""

    def __init__(self, observer: Shard, session: Shard, call: Callable[[], object]) -> None:
        self._call = call
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self._wait_until_blocked(observer, session.connection.raw.info.backend_pid)

    def _run(self) -> None:
        try:
            self._call()
        except BaseException as error:
            self._error = error

    def _wait_until_blocked(self, observer: Shard, pid: int) -> None:
        end = monotonic() + SECONDS_MAX
        while self._thread.is_alive() and monotonic() < end:
            row = observer.connection.raw.execute(
                "SELECT cardinality(pg_blocking_pids(%s::integer)) > 0", [pid]
            ).fetchone()
            if row == (True,):
                return
            sleep(0.01)
        self.finish()
        raise AssertionError("nobody is in its way")

    def finish(self) -> None:
        """Wait for the end of the call. Raises what it raised."""
        self._thread.join(SECONDS_MAX)
        assert not self._thread.is_alive()
        if self._error is not None:
            raise self._error
