"""A collector that is away, hangs, or is slow: spans are dropped and counted; it is said once."""

import logging
import os
from collections.abc import Sequence
from threading import Lock
from time import monotonic
from typing import Final

from opentelemetry.sdk.environment_variables import OTEL_BSP_MAX_QUEUE_SIZE
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from swpt_accounts.observability.events.lifecycle import SPANS_DROPPED, SPANS_LOST, SPANS_TAKEN

logger = logging.getLogger(__name__)

REMINDER_SECONDS: Final = 300.0
# A collector that has failed a moment ago may come and go.
QUIET_SECONDS: Final = 5.0
QUEUE_SIZE: Final = 2048


class _LastWords(logging.Filter):
    """Keeps the library's lines about each failure out of the log, and remembers the last one."""

    text = "no reason is given"

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno >= logging.WARNING:
            self.text = " ".join(record.getMessage().split())[:300]
        return False


class _Losses:
    """Spans that are lost for one reason: said when it begins, and every five minutes."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._unsaid_count = 0
        self._said_at: float | None = None
        self._last_at = 0.0

    def add(self, count: int, reason: str) -> None:
        now = monotonic()
        with self._lock:
            self._unsaid_count += count
            self._last_at = now
            if self._said_at is not None and now - self._said_at < REMINDER_SECONDS:
                return
            self._said_at = now
            dropped_count, self._unsaid_count = self._unsaid_count, 0
        SPANS_DROPPED.log(logger, problem=reason, count=dropped_count)

    def end(self) -> int | None:
        """How many were not told of, if it is over; None if it has never begun, or may go on."""
        with self._lock:
            if self._said_at is None or monotonic() - self._last_at < QUIET_SECONDS:
                return None
            self._said_at = None
            return self.take()

    def take(self) -> int:
        """How many were not told of."""
        count, self._unsaid_count = self._unsaid_count, 0
        return count


class ReportingExporter(SpanExporter):
    """Exports, counts what is lost, and says so in few lines, however often it fails."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self.reason = _LastWords()
        logging.getLogger(type(exporter).__module__).addFilter(self.reason)
        self._lock = Lock()
        self._failed = _Losses()
        self._overflown = _Losses()
        self.pending_count = 0
        """How many spans wait, or are being exported."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export; that may take until the timeout of OTLP."""
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        finally:
            with self._lock:
                self.pending_count -= len(spans)
            if result is not SpanExportResult.SUCCESS:
                self._failed.add(len(spans), self.reason.text)
            elif (count := self._failed.end()) is not None:
                SPANS_TAKEN.log(logger, count=count)
        return result

    def may_queue(self, count_max: int) -> bool:
        """Whether there is room for one more span, which is then counted."""
        with self._lock:
            has_room = self.pending_count < count_max
            self.pending_count += has_room
        if not has_room:
            self._overflown.add(1, "it does not take them as fast as they come")
        return has_room

    def tell_end(self) -> None:
        """Say at the end of the process what has not come to the collector."""
        lost_count = self.pending_count + self._failed.take() + self._overflown.take()
        if lost_count:
            SPANS_LOST.log(logger, count=lost_count)

    def shutdown(self) -> None:
        """Give up what is being exported."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing waits here."""
        return True


class BoundedProcessor(BatchSpanProcessor):
    """The batches of the library; but what there is no room for is counted before it is dropped."""

    def __init__(self, exporter: ReportingExporter) -> None:
        super().__init__(exporter)
        self._told = exporter
        self._count_max = int(os.environ.get(OTEL_BSP_MAX_QUEUE_SIZE) or QUEUE_SIZE)

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a span that is sampled, if there is room."""
        is_sampled = span.context is not None and span.context.trace_flags.sampled
        if is_sampled and self._told.may_queue(self._count_max):
            super().on_end(span)
