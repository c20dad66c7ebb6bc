"""Samples of the counters of the database, of the last hour, in memory."""

import logging
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Final

from swpt_accounts.console.database import ConsoleDatabase, NotAllowed, TooSlow
from swpt_accounts.db.backlog import OUTBOXES, QUEUES, TableBacklog, read_backlog
from swpt_accounts.db.outage_reporter import DatabaseUnavailable

logger = logging.getLogger(__name__)

PERIOD_SECONDS: Final = 5.0
KEPT_COUNT: Final = 720
TABLES: Final = (*QUEUES, *OUTBOXES, "prepared_transfer", "account")
_FAILURES: Final = (DatabaseUnavailable, TooSlow, NotAllowed)


@dataclass(frozen=True)
class Counters:
    """How many rows of a table came, went and changed, since some moment."""

    came: int
    gone: int
    changed: int


@dataclass(frozen=True)
class Sample:
    """One moment. `at` is of a clock that nobody sets; `moment` is the database's."""

    at: float
    moment: datetime
    counters: dict[str, Counters]
    backlog: dict[str, TableBacklog]

    def waiting(self, names: Iterable[str]) -> int:
        """How many rows wait in these tables."""
        return sum(self.backlog[name].rows_count for name in names if name in self.backlog)

    def longest_wait(self, names: Iterable[str]) -> float | None:
        """Since how many seconds the oldest row waits, where that is known."""
        ages = [self.backlog[name].age_seconds for name in names if name in self.backlog]
        return max((age for age in ages if age is not None), default=None)


class Sampler:
    """Takes samples, from its first use on."""

    def __init__(self, database: ConsoleDatabase) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._samples: deque[Sample] = deque(maxlen=KEPT_COUNT)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Take samples from now on, in a thread of its own. Again, it does nothing."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def samples(self) -> list[Sample]:
        """Those that are kept, the oldest first."""
        with self._lock:
            return list(self._samples)

    def take(self) -> Sample:
        """Take one now. Raises what `ConsoleDatabase.snapshot` raises."""
        with self._database.snapshot() as snapshot:
            rows = snapshot.rows("table_counters", names=list(TABLES))
            backlog = read_backlog(snapshot.connection.raw)
            moment = snapshot.row("moment").moment
        sample = Sample(
            monotonic(),
            moment,
            {row.name: Counters(row.ins, row.dels, row.upd) for row in rows},
            {one.table_name: one for one in backlog},
        )
        with self._lock:
            self._samples.append(sample)
        return sample

    def fresh(self) -> list[Sample]:
        """The samples; the last of them is a new one where the thread takes none yet."""
        self.start()
        samples = self.samples()
        if not samples or monotonic() - samples[-1].at > 2 * PERIOD_SECONDS:
            self.take()
        return self.samples()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.take()
            except _FAILURES:
                # (it is logged)
                pass
            self._stop.wait(PERIOD_SECONDS)
        self._database.close()
