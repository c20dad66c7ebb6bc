"""What the driver does in common for every kind of load."""

from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.agents.ledger import Problems
from benchmarks.agents.load import Schedule
from benchmarks.agents.messages import Received
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

    def __init__(self, schedule: Schedule, seed: int) -> None:
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
