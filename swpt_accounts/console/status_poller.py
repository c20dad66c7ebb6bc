"""What is wrong, as `status` finds it: asked once for all visitors, none of whom waits for long."""

import logging
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Final

from swpt_accounts.db.sessions import WorkerSessions
from swpt_accounts.inspection.status.health_rules import (
    HealthFinding,
    find_problems,
    problems_count,
)
from swpt_accounts.inspection.status.model import WorkerState
from swpt_accounts.inspection.status.reader import StatusReader
from swpt_accounts.observability.events.console import CONSOLE_PAGE_FAILED
from swpt_accounts.settings import Settings

logger = logging.getLogger(__name__)

# Each time the broker notes a connection in its log.
PERIOD_SECONDS: Final = 10.0
OLD_SECONDS: Final = 20.0
WAIT_SECONDS_MAX: Final = 1.0


@dataclass(frozen=True)
class StatusReport:
    """What was found. `at` is of a clock that nobody sets, `moment` of this machine's."""

    at: float
    moment: datetime
    have_all_answered: bool
    findings: tuple[HealthFinding, ...]
    workers: tuple[WorkerState, ...]
    sessions: tuple[WorkerSessions, ...]

    @property
    def problems_count(self) -> int:
        return problems_count(self.findings)

    @property
    def worst(self) -> str:
        """The worst severity, or an empty string."""
        return self.findings[0].severity.value if self.findings else ""


class StatusPoller:
    """Asks the servers while somebody looks, in a thread that ends when they have answered."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._last: StatusReport | None = None
        self._began_at = self._next_at = 0.0
        self._is_stopped = False

    def report(self) -> StatusReport | None:
        """The last one; the next one is on its way when it is due. None while there is none.

        Waits only where there is none that counts, until servers have had `WAIT_SECONDS_MAX`.
        """
        with self._changed:
            now = monotonic()
            if self._thread is None and not self._is_stopped and now >= self._next_at:
                self._began_at = now
                self._thread = threading.Thread(target=self._run, name="status", daemon=True)
                self._thread.start()
            self._changed.wait_for(
                lambda: self._thread is None or self._fresh() is not None,
                max(self._began_at + WAIT_SECONDS_MAX - now, 0.0),
            )
            return self._fresh()

    def stop(self) -> None:
        """Ask no more. Waits for the answers that are on their way."""
        with self._changed:
            self._is_stopped = True
            thread = self._thread
        if thread is not None:
            thread.join()

    def _fresh(self) -> StatusReport | None:
        last = self._last
        return last if last is not None and monotonic() - last.at < OLD_SECONDS else None

    def _run(self) -> None:
        made = None
        try:
            made = self._read()
        except Exception as error:
            # Whoever looks gets the rest of the page.
            CONSOLE_PAGE_FAILED.log(logger, error=error)
        finally:
            with self._changed:
                self._last = made or self._last
                self._thread = None
                self._next_at = monotonic() + PERIOD_SECONDS
                self._changed.notify_all()

    def _read(self) -> StatusReport:
        """Over connections of its own, which are closed at once: nobody may look for hours."""
        with StatusReader(self._settings) as reader:
            status = reader.read()
        found = tuple(find_problems(status))
        return StatusReport(
            at=monotonic(),
            moment=datetime.now(UTC),
            have_all_answered=status.have_all_answered,
            findings=found,
            workers=status.workers,
            sessions=() if status.database is None else status.database.workers,
        )
