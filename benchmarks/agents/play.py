"""What the driver does: the agents that ask, answer, and see what becomes of it."""

from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec.structs import asdict

from agentkit.chains import Link
from agentkit.fast_link import Route, frames
from agentkit.ledger import CREDITED, FINALIZED, PREPARED, REJECTED, Ledger, Problems
from agentkit.messages import configure, encode, finalize, prepare
from benchmarks.agents.load import (
    FIRST_CREDITOR_ID,
    EchoLoad,
    OpeningLoad,
    Schedule,
    TransferLoad,
    account,
)
from benchmarks.agents.messages import (
    AccountTransfer,
    AccountUpdate,
    Echo,
    FinalizedTransfer,
    PreparedTransfer,
    Received,
    RejectedTransfer,
)
from benchmarks.histogram import Histogram

INTERVAL_SECONDS = 0.1

Post = Callable[[bytes], None]


@dataclass
class LoadResult:
    """What came of a load.

    `seconds` is from the first request to the last completion (for transfers: to the last
    recipient credited). `completions` counts them by tenths of a second since the start.
    """

    count: int = 0
    seconds: float = 0.0
    problems_count: int = 0
    problems: list[str] = field(default_factory=list)
    latencies: dict[str, Histogram] = field(default_factory=dict)
    completions: Counter[int] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)
    chains: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Of each account that was part of it: the last transfer number, and the principal."""

    @property
    def per_second(self) -> float:
        return self.count / self.seconds if self.seconds else 0.0


class Play(ABC):
    """Sends requests when they are due, and sees what becomes of them."""

    def __init__(self, schedule: Schedule, seed: int, request_queue: str) -> None:
        """Requests go to a queue; without its name, to their accounts."""
        self._request_queue = request_queue
        self.problems = Problems()
        self.latencies: defaultdict[str, Histogram] = defaultdict(Histogram)
        self.messages: Counter[str] = Counter()
        self._schedule = schedule
        self._offsets = schedule.offsets(seed)
        self._next_offset = next(self._offsets, None)
        self._completions: Counter[int] = Counter()
        self._started_at = 0.0
        self._first_at = 0.0
        self._last_at = 0.0
        self._sent_count = 0
        self._done_count = 0

    def start(self, now: float) -> None:
        """Let the time of the schedule begin."""
        self._started_at = now

    def due_at(self) -> float | None:
        """When the next request is due; None if it has to wait, or there is none."""
        outstanding_max = self._schedule.outstanding_max
        if self._next_offset is None or (
            outstanding_max is not None and self._sent_count - self._done_count >= outstanding_max
        ):
            return None
        return self._started_at + self._next_offset

    def send(self, post: Post, now: float) -> None:
        """Send the next request."""
        assert self._next_offset is not None
        is_by_time = self._schedule.outstanding_max is None
        post(self.request(self._started_at + self._next_offset if is_by_time else now))
        self._first_at = self._first_at or now
        self._sent_count += 1
        self._next_offset = next(self._offsets, None)
        seconds_max = self._schedule.seconds_max
        if seconds_max is not None and now - self._started_at >= seconds_max:
            self._next_offset = None

    def stop(self) -> None:
        """Send no more requests."""
        self._next_offset = None

    @property
    def is_complete(self) -> bool:
        """Whether everything was asked for, and has come."""
        return self._next_offset is None and self._done_count >= self._sent_count

    @abstractmethod
    def request(self, due_at: float) -> bytes:
        """The next request."""

    @abstractmethod
    def take(self, message: Received, post: Post, now: float) -> None:
        """Take note of a message, and answer it where that is due."""

    def _observe(self, name: str, due_at: float, now: float) -> None:
        self.latencies[name].add(now - due_at)

    def _progress(self, now: float) -> None:
        self._completions[int((now - self._started_at) / INTERVAL_SECONDS)] += 1
        self._last_at = now

    def result(self) -> LoadResult:
        """What came of it."""
        return LoadResult(
            count=self._sent_count,
            seconds=self._last_at - self._first_at,
            problems_count=self.problems.count,
            problems=self.problems.texts,
            latencies=dict(self.latencies),
            completions=self._completions,
            messages=self.messages,
        )


class OpeningPlay(Play):
    """Configures new accounts; each is opened when its AccountUpdate has come."""

    def __init__(self, load: OpeningLoad, request_queue: str = "") -> None:
        super().__init__(load.schedule, load.seed, request_queue)
        self._debtor_id = load.debtor_id
        self._due_at: list[float] = []
        self._opened = bytearray()

    def request(self, due_at: float) -> bytes:
        self._due_at.append(due_at)
        self._opened.append(0)
        message = configure(self._debtor_id, account(len(self._due_at) - 1), seqnum=1)
        return frames(message, self._request_queue)

    def take(self, message: Received, post: Post, now: float) -> None:
        self.messages[type(message).__name__] += 1
        if isinstance(message, AccountUpdate):
            # The accounts scan may still tell of the accounts of an earlier load.
            if message.debtor_id == self._debtor_id:
                self._note_update(message, now)
        elif isinstance(message, RejectedTransfer):
            self.problems.note(f"nobody has asked for this: {message}")

    def _note_update(self, update: AccountUpdate, now: float) -> None:
        number = update.creditor_id - FIRST_CREDITOR_ID
        if not 0 <= number < len(self._opened) or self._opened[number]:
            self.problems.note(f"this AccountUpdate was not expected: {update}")
            return
        if (update.principal, update.last_config_seqnum) != (0, 1):
            self.problems.note(f"this AccountUpdate is wrong: {update}")
        self._opened[number] = 1
        self._done_count += 1
        self._observe("opened", self._due_at[number], now)
        self._progress(now)


class EchoPlay(Play):
    """Sends messages to its own queue."""

    def __init__(self, load: EchoLoad, request_queue: str) -> None:
        super().__init__(load.schedule, load.seed, request_queue)
        self._due_at: list[float] = []

    def request(self, due_at: float) -> bytes:
        self._due_at.append(due_at)
        body = encode({"type": Echo.__name__, "number": len(self._due_at) - 1})
        return Route("", self._request_queue, Echo.__name__).message(body)

    def take(self, message: Received, post: Post, now: float) -> None:
        if isinstance(message, Echo):
            self._done_count += 1
            self._observe("echoed", self._due_at[message.number], now)
            self._progress(now)


class TransferPlay(Play):
    """Prepares transfers, finalizes what is prepared, and keeps book of it all."""

    def __init__(self, load: TransferLoad, request_queue: str = "") -> None:
        super().__init__(load.schedule, load.seed, request_queue)
        self._load = load
        self._parties = load.parties()
        self._ledger = Ledger(load.first_request_id)
        self.problems = self._ledger.problems

    def request(self, due_at: float) -> bytes:
        load, ledger = self._load, self._ledger
        sender, recipient = next(self._parties)
        amount = load.amount_of(load.first_request_id + len(ledger))
        request_id = ledger.open(sender, recipient, amount, due_at)
        message = prepare(
            load.debtor_id, sender, recipient, amount, coordinator_request_id=request_id
        )
        return frames(message, self._request_queue)

    def take(self, message: Received, post: Post, now: float) -> None:
        self.messages[type(message).__name__] += 1
        if isinstance(message, AccountTransfer):
            self._note_account_transfer(message, now)
        elif isinstance(message, PreparedTransfer):
            self._note_prepared(message, post, now)
        elif isinstance(message, FinalizedTransfer):
            self._note_finalized(message)
        elif isinstance(message, RejectedTransfer):
            self._note_rejected(message, now)

    def _note_rejected(self, message: RejectedTransfer, now: float) -> None:
        due_at = self._ledger.note(message.coordinator_request_id, REJECTED)
        if due_at is None:
            return
        if message.status_code != self._load.may_reject:
            self.problems.note(f"it was rejected: {message}")
        self._observe("prepared", due_at, now)
        self._note_done(message.coordinator_request_id)

    def _note_prepared(self, message: PreparedTransfer, post: Post, now: float) -> None:
        request_id = message.coordinator_request_id
        due_at = self._ledger.note(request_id, PREPARED)
        if due_at is None:
            return
        if message.locked_amount != self._ledger.amount(request_id):
            self.problems.note(f"the locked amount is wrong: {message}")
        self._observe("prepared", due_at, now)
        note = str(request_id)
        answer = finalize(asdict(message), message.locked_amount, transfer_note=note)
        post(frames(answer, self._request_queue))

    def _note_finalized(self, message: FinalizedTransfer) -> None:
        request_id = message.coordinator_request_id
        if self._ledger.note(request_id, FINALIZED) is None:
            return
        if (message.status_code, message.committed_amount) != (
            "OK",
            self._ledger.amount(request_id),
        ):
            self.problems.note(f"it was not committed as it should: {message}")
        self._note_done(request_id)

    def _note_account_transfer(self, message: AccountTransfer, now: float) -> None:
        request_id = int(message.transfer_note)
        link = Link(
            message.transfer_number,
            message.previous_transfer_number,
            message.acquired_amount,
            message.principal,
        )
        noted = self._ledger.note_account_transfer(message.creditor_id, request_id, link)
        if noted is None:
            return
        event, due_at = noted
        if event == CREDITED:
            self._observe("credited", due_at, now)
            self._progress(now)
        self._note_done(request_id)

    def _note_done(self, request_id: int) -> None:
        if self._ledger.is_complete(request_id):
            self._done_count += 1

    def result(self) -> LoadResult:
        self._ledger.close()
        result = super().result()
        result.chains = self._ledger.chain_ends()
        return result
