"""Trace contexts, and spans that find no collector."""

import logging
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanContext, get_current_span

from swpt_accounts.observability.tracing import span_processor as module
from swpt_accounts.observability.tracing.context import Step, TraceContext, parse_context
from swpt_accounts.observability.tracing.received_spans import (
    TRACEPARENT_LENGTH_MAX,
    read_traceparent,
)
from swpt_accounts.observability.tracing.sent_spans import step_span_id
from swpt_accounts.observability.tracing.span_processor import BoundedProcessor, ReportingExporter

TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"
MOMENT = 1_767_225_600_000_000

# -- the text in the tables ---------------------------------------------------


def test_steps_are_read_in_their_order() -> None:
    text = f"{PARENT} r{MOMENT} v{MOMENT + 5} p{MOMENT + 7}"
    assert parse_context(text) == TraceContext(
        PARENT,
        (
            (Step.RECEIVED, MOMENT),
            (Step.RECIPIENT_VERIFIED, MOMENT + 5),
            (Step.TRANSFER_PREPARED, MOMENT + 7),
        ),
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        PARENT,
        f"{PARENT} ",
        f"{PARENT} r",
        f"{PARENT} r-1",
        f"{PARENT} x{MOMENT}",
        f"{PARENT}  r{MOMENT}",
        f"{PARENT} r{MOMENT}\n",
        f"{PARENT} r{MOMENT}" + f" p{MOMENT}" * 8,
        f"{PARENT} r" + "9" * 18,
        f" {PARENT} r{MOMENT}",
        f"{PARENT.upper()} r{MOMENT}",
    ],
)
def test_other_texts_are_no_contexts(text: str) -> None:
    assert parse_context(text) is None


@given(st.text())
def test_any_text_can_be_looked_at(text: str) -> None:
    found = parse_context(text)
    assert found is None or found.steps


# -- the header ---------------------------------------------------------------


def read(value: object) -> SpanContext:
    return get_current_span(read_traceparent(value)).get_span_context()


@pytest.mark.parametrize("flags", [0, 1])
def test_header_is_the_parent(flags: int) -> None:
    found = read(f"00-{TRACE_ID}-{SPAN_ID}-0{flags}")
    assert (found.trace_id, found.span_id) == (int(TRACE_ID, 16), int(SPAN_ID, 16))
    assert found.trace_flags == flags
    assert found.is_remote


def test_later_versions_may_say_more() -> None:
    assert read(f"01-{TRACE_ID}-{SPAN_ID}-01-what-may-come").is_valid


BAD_HEADERS: tuple[object, ...] = (
    None,
    "",
    "00",
    f"00-{TRACE_ID}-{SPAN_ID}",
    f"00-{TRACE_ID}-{SPAN_ID}-01-more",
    f"ff-{TRACE_ID}-{SPAN_ID}-01",
    f"00-{'0' * 32}-{SPAN_ID}-01",
    f"00-{TRACE_ID}-{'0' * 16}-01",
    f"00-{TRACE_ID.upper()}-{SPAN_ID}-01",
    f"00-{TRACE_ID}-{SPAN_ID}-0é",
    f"01-{TRACE_ID}-{SPAN_ID}-01-" + "x" * TRACEPARENT_LENGTH_MAX,
    PARENT.encode(),
    [PARENT],
    {"traceparent": PARENT},
    12345,
    True,
)


@pytest.mark.parametrize("value", BAD_HEADERS)
def test_bad_headers_are_as_good_as_none(value: object) -> None:
    assert not read(value).is_valid


@given(
    st.text() | st.binary() | st.integers() | st.lists(st.text()) | st.from_regex("[0-9a-f-]{55}")
)
@example("00-" + "0" * 32 + "-" + "0" * 16 + "-00")
def test_any_header_can_be_looked_at(value: object) -> None:
    found = read(value)
    assert found.is_valid == (found.trace_id != 0 and found.span_id != 0)


def test_steps_have_ids_that_anybody_can_compute() -> None:
    received = read(PARENT)
    ids = {step_span_id(received, step) for step in Step}
    assert len(ids) == len(Step)
    assert ids == {step_span_id(read(PARENT), step) for step in Step}
    assert all(0 < span_id < 2**64 for span_id in ids)
    other = read(f"00-{TRACE_ID}-{'1' * 16}-01")
    assert ids.isdisjoint(step_span_id(other, step) for step in Step)


# -- the collector ------------------------------------------------------------


class Library(SpanExporter):
    """What exports: it answers as it is told, and says why it fails, every time."""

    def __init__(self) -> None:
        self.is_working = True
        self.batches: list[int] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if not self.is_working:
            logging.getLogger(__name__).error("no way\nto %s", "the collector")
            return SpanExportResult.FAILURE
        self.batches.append(len(spans))
        return SpanExportResult.SUCCESS


@pytest.fixture
def library() -> Library:
    return Library()


@pytest.fixture
def exporter(library: Library) -> Iterator[ReportingExporter]:
    made = ReportingExporter(library)
    yield made
    logging.getLogger(__name__).removeFilter(made.reason)


def spans(count: int) -> list[ReadableSpan]:
    return [ReadableSpan(f"span {n}") for n in range(count)]


def queue(exporter: ReportingExporter, count: int, count_max: int = 1000) -> list[bool]:
    return [exporter.may_queue(count_max) for _ in range(count)]


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return found


def test_nothing_is_said_while_all_is_well(
    exporter: ReportingExporter, caplog: pytest.LogCaptureFixture
) -> None:
    assert all(queue(exporter, 3))
    assert exporter.export(spans(3)) is SpanExportResult.SUCCESS
    assert exporter.pending_count == 0
    exporter.tell_end()
    assert lines(caplog) == []


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "monotonic", made)
    return made


def test_fault_is_said_once_and_its_end_once(
    exporter: ReportingExporter, library: Library, caplog: pytest.LogCaptureFixture, clock: Clock
) -> None:
    library.is_working = False
    for _ in range(50):
        queue(exporter, 2)
        assert exporter.export(spans(2)) is SpanExportResult.FAILURE
    (line,) = lines(caplog)
    assert "no way to the collector" in line
    assert "dropped so far: 2;" in line
    library.is_working = True
    for _ in range(4):
        queue(exporter, 1)
        exporter.export(spans(1))
        clock.now += module.QUIET_SECONDS / 2
    (line,) = lines(caplog)
    assert "accepts spans again" in line
    assert "previous line: 98" in line


def test_reminder_counts_what_was_dropped_since(
    exporter: ReportingExporter, library: Library, caplog: pytest.LogCaptureFixture, clock: Clock
) -> None:
    library.is_working = False
    for _ in range(3):
        queue(exporter, 10)
        exporter.export(spans(10))
    assert len(lines(caplog)) == 1
    clock.now += module.REMINDER_SECONDS
    queue(exporter, 1)
    exporter.export(spans(1))
    (line,) = lines(caplog)
    assert "dropped so far: 21;" in line


def test_what_there_is_no_room_for_is_dropped(
    exporter: ReportingExporter, caplog: pytest.LogCaptureFixture
) -> None:
    assert queue(exporter, 5, count_max=3) == [True, True, True, False, False]
    (line,) = lines(caplog)
    assert "as fast as they come" in line
    exporter.tell_end()
    (line,) = lines(caplog)
    assert line == "spans that did not reach the OpenTelemetry collector: 4"


def test_batches_of_the_library_are_bounded(
    exporter: ReportingExporter, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "3600000")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "20")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "20")
    processor = BoundedProcessor(exporter)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("test")
    try:
        for _ in range(15):
            tracer.start_span("one").end()
        assert processor.force_flush()
        assert library.batches == [15]
        assert exporter.pending_count == 0
    finally:
        provider.shutdown()
