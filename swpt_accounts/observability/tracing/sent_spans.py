"""The spans of sent messages, and those of the steps that have led to them.

A step is done by a stored procedure, which makes no spans: it notes its moment, and the span is
made when a message comes out. The id of such a span follows from the message that was received, so
that whoever sends another message that the same step has made finds the same one.
"""

from collections.abc import Mapping
from hashlib import sha256
from time import time_ns
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    get_current_span,
    set_span_in_context,
)

from swpt_accounts.observability.tracing.context import (
    SYSTEM,
    Step,
    TraceContext,
    ids_of,
    parse_context,
)
from swpt_accounts.observability.tracing.received_spans import (
    TRACEPARENT,
    read_traceparent,
    write_traceparent,
)
from swpt_accounts.observability.tracing.tracer import give_next_span_id, open_tracer

# Of several messages that a step has made, one brings its span.
_BROUGHT_BY: Final[Mapping[str, frozenset[Step]]] = {
    "RejectedTransfer": frozenset({Step.RECIPIENT_VERIFIED, Step.TRANSFER_PREPARED}),
    "PreparedTransfer": frozenset({Step.RECIPIENT_VERIFIED, Step.TRANSFER_PREPARED}),
    "FinalizedTransfer": frozenset({Step.TRANSFER_FINALIZED}),
    "AccountTransfer": frozenset({Step.BALANCE_CHANGED}),
    "PendingBalanceChange": frozenset(),
}
_NAMES: Final = {
    Step.RECIPIENT_VERIFIED: "verify recipient",
    Step.TRANSFER_PREPARED: "prepare transfer",
    Step.TRANSFER_FINALIZED: "finalize transfer",
    Step.BALANCE_CHANGED: "change balance",
}
_NS_IN_US: Final = 1000


def step_span_id(received: SpanContext, step: Step) -> int:
    """The id of the span of a step: the same wherever it is computed, and never 0."""
    seed = b"%032x%016x%b" % (received.trace_id, received.span_id, step.value.encode())
    return int.from_bytes(sha256(seed).digest()[:8], "big") or 1


class SentSpan:
    """The span of a message that is being sent. Until its end, nobody hears of it, nor of the
    steps that it brings.
    """

    __slots__ = ("_span", "_started_at", "_steps")

    def __init__(self, span: Span, started_at: int, steps: list[tuple[Span, int]]) -> None:
        self._span = span
        self._started_at = started_at
        self._steps = steps

    def refuse(self) -> None:
        """The broker does not take the message, which is put aside."""
        self._span.set_attribute("error.type", "returned")
        self._span.set_status(Status(StatusCode.ERROR))

    def end(self) -> None:
        """The broker has answered, and that is committed."""
        for span, ended_at in self._steps:
            span.end(ended_at)
        # the moments of the steps are of another clock
        self._span.end(max(time_ns(), self._started_at))


class Sender:
    """Starts the spans of messages that are sent."""

    def __init__(self) -> None:
        self._tracer = open_tracer()

    def begin(
        self,
        message: Any,
        exchange: str,
        routing_key: str,
        headers: dict[str, Any],
        body: bytes,
        context_text: str | None,
    ) -> SentSpan | None:
        """Let a message carry the trace on, in its headers. None if it gets no span."""
        context = parse_context(context_text) if context_text else None
        if context is None:
            return None
        parent = read_traceparent(context.traceparent)
        received = get_current_span(parent).get_span_context()
        if not received.is_valid:
            return None
        if not received.trace_flags.sampled:
            headers[TRACEPARENT] = context.traceparent
            return None
        ids = ids_of(message)
        brought = _BROUGHT_BY[type(message).__name__]
        parent, steps = self._step_spans(parent, received, context, brought, ids)
        started_at = context.steps[-1][1] * _NS_IN_US
        attributes: dict[str, str | int] = {
            **SYSTEM,
            "messaging.operation.type": "send",
            "messaging.operation.name": "publish",
            "messaging.destination.name": f"{exchange}:{routing_key}",
            "messaging.rabbitmq.destination.routing_key": routing_key,
            "messaging.message.body.size": len(body),
            **ids,
        }
        span = self._tracer.start_span(
            f"publish {type(message).__name__}",
            parent,
            SpanKind.PRODUCER,
            attributes,
            start_time=started_at,
        )
        if (traceparent := write_traceparent(span)) is not None:
            headers[TRACEPARENT] = traceparent
        return SentSpan(span, started_at, steps)

    def _step_spans(
        self,
        parent: Context,
        received: SpanContext,
        context: TraceContext,
        brought: frozenset[Step],
        ids: dict[str, str],
    ) -> tuple[Context, list[tuple[Span, int]]]:
        """The context of the last step, and the spans that are brought, with their ends."""
        spans = []
        started_at = context.steps[0][1]
        for step, done_at in context.steps[1:]:
            span_id = step_span_id(received, step)
            if step in brought:
                give_next_span_id(span_id)
                span = self._tracer.start_span(
                    _NAMES[step], parent, attributes=ids, start_time=started_at * _NS_IN_US
                )
                spans.append((span, max(done_at, started_at) * _NS_IN_US))
            remote = SpanContext(
                received.trace_id, span_id, is_remote=True, trace_flags=received.trace_flags
            )
            parent = set_span_in_context(NonRecordingSpan(remote), Context())
            started_at = done_at
        return parent, spans
