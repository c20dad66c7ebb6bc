"""What a flusher does while the broker keeps it waiting in the middle of a flush."""

from collections.abc import Callable
from time import monotonic

from pika.exceptions import AMQPConnectionError

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.queries import query
from swpt_accounts.workers.shutdown import ShutdownEvent

# Far more than the pace allows: for a link that becomes slow in the middle of a flush.
FLUSH_SECONDS_MAX = 600.0
# How long a flush may go on after the stop.
STOP_SECONDS_MAX = 1.0
# PostgreSQL ends a transaction in which nothing happens for long.
PING_SECONDS = 10.0


def watch_flush(connection: DatabaseConnection, stop: ShutdownEvent) -> Callable[[], None]:
    """A function to be called about once a second, from now on.

    It keeps the transaction alive, and raises `AMQPConnectionError` when the flush takes too long,
    or has to end because of the stop.
    """
    started_at = monotonic()
    end = started_at + FLUSH_SECONDS_MAX
    ping_at = started_at + PING_SECONDS

    def watch() -> None:
        nonlocal end, ping_at
        now = monotonic()
        if stop.is_requested():
            end = min(end, now + STOP_SECONDS_MAX)
        if now >= end:
            raise AMQPConnectionError("the messages do not leave in time")
        if now >= ping_at:
            connection.raw.execute(query("keep_alive").encode())
            ping_at = now + PING_SECONDS

    return watch
