"""Lines are left out in a storm, and counted: a million bad messages are no million lines."""

import logging
import os
import weakref
from dataclasses import dataclass
from threading import Lock, Timer
from time import monotonic
from typing import Final, TextIO

from swpt_accounts.observability.events.catalogue import is_limited
from swpt_accounts.observability.events.event import FIELDS_KEY, NAME_KEY
from swpt_accounts.observability.events.lifecycle import LINES_LEFT_OUT, OTHER

# Of each event in a process: so many lines at once, and so many in a second after that.
BURST_COUNT: Final = 50
LINES_PER_SECOND: Final = 5.0
# How soon it is told that lines were left out.
TELL_SECONDS: Final = 10.0
# More loggers of libraries than that have one budget together.
KEYS_COUNT_MAX: Final = 300

# The event, and the logger.
_Key = tuple[str, str]
_REST: Final[_Key] = (OTHER.name, "others")


@dataclass(slots=True)
class _Budget:
    """How many lines may be written, and which were not."""

    lines: float
    counted_at: float
    left_out_count: int = 0
    left_out_since: float = 0.0
    level: int = logging.NOTSET

    def allows(self, now: float) -> bool:
        """Take a line, if there is one left."""
        self.lines = min(self.lines + (now - self.counted_at) * LINES_PER_SECOND, BURST_COUNT)
        self.counted_at = now
        if self.lines < 1:
            return False
        self.lines -= 1
        return True

    def leave_out(self, now: float, level: int) -> None:
        if self.left_out_count == 0:
            self.left_out_since = now
        self.left_out_count += 1
        self.level = max(self.level, level)


class RateLimitFilter(logging.Filter):
    """Lets the first lines of each event through, then some in a second.

    What was left out is told every ten seconds, and by `tell`. Events that are few by themselves,
    and what is critical, are never left out.
    """

    def __init__(self, handler: logging.Handler) -> None:
        super().__init__()
        self._handler = weakref.ref(handler)
        self._reset()
        itself = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _reset(itself()))

    def _reset(self) -> None:
        """Begin anew: a child tells nothing of its parent, and has no thread of it."""
        self._lock = Lock()
        self._budgets: dict[_Key, _Budget] = {}
        self._timer: Timer | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        event = getattr(record, NAME_KEY, OTHER.name)
        if record.levelno >= logging.CRITICAL or not is_limited(event):
            return True
        now = monotonic()
        with self._lock:
            budget = self._budget((event, record.name), now)
            if budget.allows(now):
                return True
            budget.leave_out(now, record.levelno)
            if self._timer is None:
                self._timer = Timer(TELL_SECONDS, self.tell)
                self._timer.daemon = True
                self._timer.start()
        return False

    def _budget(self, key: _Key, now: float) -> _Budget:
        if key not in self._budgets and len(self._budgets) >= KEYS_COUNT_MAX:
            key = _REST
        return self._budgets.setdefault(key, _Budget(BURST_COUNT, now))

    def tell(self) -> None:
        """Write what was left out since it was told last."""
        now = monotonic()
        with self._lock:
            timer, self._timer = self._timer, None
            records = [_summary(k, b, now) for k, b in self._budgets.items() if b.left_out_count]
            for budget in self._budgets.values():
                budget.left_out_count, budget.level = 0, logging.NOTSET
        if timer is not None:
            timer.cancel()
        handler = self._handler()
        for record in records if handler else ():
            assert handler is not None
            handler.handle(record)


def _reset(storm: RateLimitFilter | None) -> None:
    if storm is not None:
        storm._reset()


def _summary(key: _Key, budget: _Budget, now: float) -> logging.LogRecord:
    event, logger_name = key
    fields = {
        "count": budget.left_out_count,
        "seconds": now - budget.left_out_since,
        "of_event": event,
        "of_logger": logger_name,
    }
    record = logging.LogRecord(
        logger_name, budget.level, __file__, 0, LINES_LEFT_OUT.text, (fields,), None
    )
    setattr(record, NAME_KEY, LINES_LEFT_OUT.name)
    setattr(record, FIELDS_KEY, fields)
    return record


class RateLimitedHandler(logging.StreamHandler[TextIO]):
    """Writes to a stream, fewer lines in a storm. At its end it tells what it left out."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._storm = RateLimitFilter(self)
        self.addFilter(self._storm)

    def close(self) -> None:
        self._storm.tell()
        super().close()
