"""What is known of a shard at a moment."""

from dataclasses import dataclass, field
from datetime import datetime

from swpt_accounts.db.backlog import TableBacklog


@dataclass(frozen=True, slots=True)
class Server:
    """A server that was asked. `problem` is why it did not answer, in one line."""

    name: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class BrokerQueue:
    """A queue of a broker. Counts are None where there is no such queue, or it cannot be reached;
    `problem` says which.
    """

    name: str
    messages_count: int | None = None
    consumers_count: int | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Worker:
    """The sessions of a worker with the database. What the role may not see is None."""

    name: str
    sessions_count: int
    lock_waits_count: int = 0
    quiet_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class LongTransaction:
    """A session whose transaction lasts for long."""

    pid: int
    program: str
    seconds: float


@dataclass(frozen=True, slots=True)
class ReturnedLine:
    """A destination whose messages the broker does not take."""

    destination: str
    signal_name: str
    attempts_count: int


@dataclass(frozen=True, slots=True)
class Counts:
    """How many rows have come into a table and gone from it, since its statistics began."""

    inserted: int
    deleted: int


@dataclass(frozen=True, slots=True)
class AccountsSample:
    """Of some accounts: how many should have been visited by the accounts scan long ago."""

    count: int
    overdue_count: int


@dataclass(frozen=True, slots=True)
class ScanState:
    """How far the last pass of a scan is: pages of its table, and seconds since some moments."""

    name: str
    done_count: int
    pages_count: int
    pass_seconds: float
    late_seconds: float
    began_seconds: float
    noted_seconds: float
    completed_seconds: float | None

    @property
    def done_ratio(self) -> float:
        """The part of the pages that is done; all of an empty table."""
        return self.done_count / self.pages_count if self.pages_count else 1.0


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """What the database knows."""

    taken_at: datetime
    is_replica: bool
    backlog: tuple[TableBacklog, ...]
    counts: dict[str, Counts]
    workers: tuple[Worker, ...]
    long_transactions: tuple[LongTransaction, ...]
    returned_lines_count: int
    returned_lines: tuple[ReturnedLine, ...]
    dealt_with_count: int
    accounts: AccountsSample
    scans: tuple[ScanState, ...] = ()


@dataclass(frozen=True, slots=True)
class Rates:
    """Rows in a second, in and out of a table."""

    inserted: float
    deleted: float


@dataclass(frozen=True, slots=True)
class Overview:
    """All of it. `database` is None when the database did not answer."""

    shard: str
    seconds: float
    """How long it took to learn it."""
    servers: tuple[Server, ...]
    incoming: BrokerQueue
    chores: BrokerQueue
    dead_letters: BrokerQueue
    database: DatabaseState | None
    rates: dict[str, Rates] = field(default_factory=dict)
    """By table; empty when nothing was measured."""
    is_sharded: bool = False

    @property
    def open_letters_count(self) -> int | None:
        """Dead letters that nobody has dealt with, as far as it is known without reading them."""
        count = self.dead_letters.messages_count
        if count is None or self.database is None:
            return count
        return max(count - self.database.dealt_with_count, 0)

    @property
    def were_all_asked(self) -> bool:
        """Whether every server has answered."""
        return all(server.problem is None for server in self.servers)
