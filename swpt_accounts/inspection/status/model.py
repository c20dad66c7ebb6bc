"""The status of a shard at a moment."""

from dataclasses import dataclass, field
from datetime import datetime

from swpt_accounts.broker.peer_queues import PeerQueue
from swpt_accounts.db.backlog import TableBacklog
from swpt_accounts.db.sessions import WorkerSessions
from swpt_accounts.observability.liveness import Condition


@dataclass(frozen=True, slots=True)
class Server:
    """A server that was asked. `problem` is a sentence, if it gave no answer."""

    name: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class BrokerQueue:
    """A queue of a broker. Where it is missing or cannot be reached, `problem` says so, and the
    counts are None. `first_offset` is that of a stream of dead letters.
    """

    name: str
    messages_count: int | None = None
    consumers_count: int | None = None
    problem: str | None = None
    first_offset: int | None = None


@dataclass(frozen=True, slots=True)
class WorkerState:
    """The condition of a worker: of its threads, the worst one. `reason` says more, or is empty."""

    name: str
    condition: Condition
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LongTransaction:
    """A session whose transaction has been open for long."""

    pid: int
    program: str
    seconds: float


@dataclass(frozen=True, slots=True)
class ReturnedLine:
    """A destination whose messages the broker returned."""

    destination: str
    signal_name: str
    attempts_count: int


@dataclass(frozen=True, slots=True)
class TableCounters:
    """How many rows were inserted and deleted since the statistics of a table began."""

    inserted: int
    deleted: int


@dataclass(frozen=True, slots=True)
class AccountsSample:
    """Of some accounts: how many the accounts scan should have visited long ago."""

    count: int
    overdue_count: int


@dataclass(frozen=True, slots=True)
class OlderSenders:
    """Until when balance changes of any sender are taken, and why: an upgrade, or a move."""

    cause: str
    taken_until: datetime


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
    """What the database knows. Workers have been able to connect for `up_seconds`."""

    taken_at: datetime
    is_replica: bool
    up_seconds: float
    backlog: tuple[TableBacklog, ...]
    counts: dict[str, TableCounters]
    workers: tuple[WorkerSessions, ...]
    long_transactions: tuple[LongTransaction, ...]
    returned_lines_count: int
    returned_lines: tuple[ReturnedLine, ...]
    dealt_with_count: int
    money_dealt_with_count: int = field(default=0, kw_only=True)
    accounts: AccountsSample
    scans: tuple[ScanState, ...] = ()
    older_senders: tuple[OlderSenders, ...] = ()


@dataclass(frozen=True, slots=True)
class TableRates:
    inserted: float
    deleted: float


@dataclass(frozen=True, slots=True)
class ShardStatus:
    """All of it, and how long the answers took. `database` is None if it gave no answer.

    `rates` are by table; there are none if nothing was measured.
    """

    shard: str
    seconds: float
    servers: tuple[Server, ...]
    incoming: BrokerQueue
    chores: BrokerQueue
    dead_letters: BrokerQueue
    database: DatabaseState | None
    workers: tuple[WorkerState, ...] = ()
    rates: dict[str, TableRates] = field(default_factory=dict)
    money_letters: BrokerQueue | None = None
    peer_queues: tuple[PeerQueue, ...] = ()

    def worker(self, name: str) -> WorkerState:
        unknown = WorkerState(name, Condition.UNKNOWN)
        return next((one for one in self.workers if one.name == name), unknown)

    @property
    def open_letters_count(self) -> int | None:
        """Unhandled dead letters, as far as they can be counted without reading them."""
        count = self.dead_letters.messages_count
        if count is None or self.database is None:
            return count
        return max(count - self.database.dealt_with_count, 0)

    @property
    def open_money_letters_count(self) -> int:
        """The unhandled ones of those with money. There is no queue before the first one."""
        count = self.money_letters.messages_count if self.money_letters is not None else None
        if not count or self.database is None:
            return count or 0
        return max(count - self.database.money_dealt_with_count, 0)

    @property
    def have_all_answered(self) -> bool:
        return all(server.problem is None for server in self.servers)

    @property
    def are_brokers_up(self) -> bool:
        """Whether every broker has answered; the first server is the database."""
        return all(server.problem is None for server in self.servers[1:])
