"""Spreads a pass over a table evenly over the time given."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import randrange
from time import monotonic


@dataclass(frozen=True, slots=True)
class PassSchedule:
    """How a pass over a table is cut into queries."""

    pass_seconds: float
    blocks_per_query_max: int
    beat_seconds: float


@dataclass(frozen=True, slots=True)
class Step:
    """Pages [first_page, end_page) of the table, and the seconds from the start of the pass."""

    first_page: int
    end_page: int
    due_seconds: float

    @property
    def pages(self) -> dict[str, int]:
        return {"first_page": self.first_page, "end_page": self.end_page}


def plan_pass(pages_count: int, schedule: PassSchedule) -> Iterator[Step]:
    """The steps of one pass, which starts at a random page.

    Each beat takes as many pages as it needs for the pass to end in time, in steps of at most
    `blocks_per_query_max` pages. An empty table makes a pass without steps.
    """
    beats_count = max(round(schedule.pass_seconds / schedule.beat_seconds), 1)
    start = randrange(pages_count) if pages_count else 0  # noqa: S311 - it guards no secret
    done = 0
    while done < pages_count:
        beat = done * beats_count // pages_count
        count = min(
            max(-(-pages_count * (beat + 1) // beats_count) - done, 1),
            schedule.blocks_per_query_max,
            pages_count - done,
        )
        first = (start + done) % pages_count
        count = min(count, pages_count - first)
        yield Step(first, first + count, schedule.pass_seconds * done / pages_count)
        done += count


class Pass:
    """A pass under way. After an interruption it goes on with the same pages and schedule."""

    def __init__(self, pages_count: int, schedule: PassSchedule) -> None:
        self._steps = plan_pass(pages_count, schedule)
        self._started_at = monotonic()
        # the pass of an empty table takes its time, too: at least one beat
        self._seconds = max(schedule.pass_seconds, schedule.beat_seconds)
        self.step = next(self._steps, None)
        """What is to be done next; None when all pages were visited."""
        self.failures_count = 0
        """How often that has failed."""
        self.total_count = pages_count
        self.done_count = 0
        """How many pages of the table there are, and were visited."""

    @property
    def seconds(self) -> float:
        """For how long it has been under way, without interruptions."""
        return monotonic() - self._started_at

    @property
    def due_at(self) -> float:
        """The moment for the next step, or when the last is done, for the end of the pass."""
        return self._started_at + (self._seconds if self.step is None else self.step.due_seconds)

    @property
    def done_ratio(self) -> float:
        return self.done_count / self.total_count if self.total_count else 1.0

    def advance(self) -> None:
        if self.step is not None:
            self.done_count += self.step.end_page - self.step.first_page
        self.step = next(self._steps, None)
        self.failures_count = 0

    def resume(self) -> None:
        """Go on after an interruption: later, and not faster."""
        self._started_at += max(monotonic() - self.due_at, 0.0)
