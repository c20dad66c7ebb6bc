"""Logs how far the pass of a scan is."""

import logging
from time import monotonic
from typing import Final

from swpt_accounts.observability.events.background import SCAN_PASS_OVER, SCAN_PROGRESS
from swpt_accounts.scans.pass_schedule import Pass

logger = logging.getLogger(__name__)

TENTHS: Final = 10
# Of a pass that takes a few minutes, the end says enough.
PAUSE_SECONDS: Final = 60.0


class ProgressLog:
    """Logs each tenth, but for those that follow another line too soon; and the end."""

    def __init__(self, worker: str, table: str) -> None:
        self._worker = worker
        self._table = table
        self._tenth = 0
        self._logged_at = monotonic()
        self._ended: Pass | None = None

    def note(self, current: Pass) -> None:
        """Call after each step."""
        tenth = current.done_count * TENTHS // current.total_count
        now = monotonic()
        is_new = self._tenth < tenth < TENTHS
        if is_new and now - self._logged_at >= PAUSE_SECONDS:
            self._tenth, self._logged_at = tenth, now
            SCAN_PROGRESS.log(
                logger,
                worker=self._worker,
                table=self._table,
                done_count=current.done_count,
                total_count=current.total_count,
                seconds=current.seconds,
            )

    def note_end(self, current: Pass) -> None:
        """Call at the end of the pass; more than once, if the connection is lost after it."""
        if self._ended is current:
            return
        self._ended = current
        self._tenth, self._logged_at = 0, monotonic()
        SCAN_PASS_OVER.log(
            logger,
            worker=self._worker,
            table=self._table,
            total_count=current.total_count,
            seconds=current.seconds,
        )
