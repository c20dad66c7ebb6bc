"""A flush: the messages that are sent in one transaction, and how long that may take."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from pika.exceptions import AMQPConnectionError

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.queries import query
from swpt_accounts.outbox.messages import OutboxMessage
from swpt_accounts.workers.shutdown import ShutdownEvent

# Far more than the batch size allows: for a link that becomes slow in the middle of a flush.
FLUSH_SECONDS_MAX = 600.0
# How long a flush may continue after a shutdown request.
STOP_SECONDS_MAX = 1.0
# PostgreSQL ends a transaction that is idle for long.
PING_SECONDS = 10.0


@dataclass(slots=True)
class Flush:
    """A flush under way. `messages` begin with the `returned_count` that were returned before.

    `refused` has the positions of those that the broker did not take, and why; `oldest` the `ts` of
    the oldest row taken from each outbox; `unfinished` the names of the outboxes that have more.
    """

    # (looked up late: the simulation has a clock of its own)
    started_at: float = field(default_factory=lambda: monotonic())
    messages: list[OutboxMessage] = field(default_factory=list)
    returned_count: int = 0
    refused: dict[int, str] = field(default_factory=dict)
    oldest: dict[str, str] = field(default_factory=dict)
    unfinished: set[str] = field(default_factory=set)


def watch_flush(connection: DatabaseConnection, shutdown: ShutdownEvent) -> Callable[[], None]:
    """A function to be called about once a second, from now on.

    It keeps the transaction alive, and raises `AMQPConnectionError` when the flush takes too long,
    or has to end because of the shutdown.
    """
    started_at = monotonic()
    end = started_at + FLUSH_SECONDS_MAX
    ping_at = started_at + PING_SECONDS

    def watch() -> None:
        nonlocal end, ping_at
        now = monotonic()
        if shutdown.is_requested():
            end = min(end, now + STOP_SECONDS_MAX)
        if now >= end:
            raise AMQPConnectionError("the messages do not leave in time")
        if now >= ping_at:
            connection.raw.execute(query("keep_alive").encode())
            ping_at = now + PING_SECONDS

    return watch
