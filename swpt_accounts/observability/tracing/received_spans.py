"""The spans of received messages: from when a message came until it was acknowledged."""

from time import time_ns
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from swpt_accounts.observability.tracing.context import SYSTEM, ids_of
from swpt_accounts.observability.tracing.tracer import open_tracer

TRACEPARENT: Final = "traceparent"
# 55 characters, and what a later version of the format may add
TRACEPARENT_LENGTH_MAX: Final = 128
_propagator: Final = TraceContextTextMapPropagator()


def read_traceparent(value: object) -> Context:
    """The context in a header; an empty one, if it is not a `traceparent`."""
    if isinstance(value, str) and len(value) <= TRACEPARENT_LENGTH_MAX:
        return _propagator.extract({TRACEPARENT: value}, Context())
    return Context()


def write_traceparent(span: Span) -> str | None:
    """The `traceparent` of a span; None where nothing is traced at all."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier, set_span_in_context(span, Context()))
    return carrier.get(TRACEPARENT)


class ReceivedSpan:
    """The span of a message that is being handled. Until its end, nobody hears of it."""

    __slots__ = ("_span", "context")

    def __init__(self, span: Span) -> None:
        self._span = span
        self.context = write_traceparent(span)
        """What goes with the message through the tables."""

    def end(self, error_type: str | None = None) -> None:
        """The message is acknowledged; with an error, it is a dead letter."""
        if error_type is not None:
            # the reason may quote the message
            self._span.set_attribute("error.type", error_type)
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()


class Receiver:
    """Starts the spans of messages from one queue."""

    def __init__(self, queue: str) -> None:
        self._tracer = open_tracer()
        self._attributes = {
            **SYSTEM,
            "messaging.operation.type": "process",
            "messaging.operation.name": "process",
            "messaging.destination.name": queue,
        }

    def begin(
        self, headers: dict[str, Any] | None, routing_key: str, body: bytes, message: Any = None
    ) -> ReceivedSpan:
        """Start the span of a message, in the trace in its headers; without a `message`, of one
        that cannot be read.
        """
        attributes: dict[str, str | int] = {
            **self._attributes,
            "messaging.rabbitmq.destination.routing_key": routing_key,
            "messaging.message.body.size": len(body),
        }
        name = "process"
        if message is not None:
            attributes |= ids_of(message)
            name = f"process {type(message).__name__}"
        parent = read_traceparent(headers.get(TRACEPARENT) if headers else None)
        return ReceivedSpan(
            self._tracer.start_span(
                name, parent, SpanKind.CONSUMER, attributes, start_time=time_ns()
            )
        )
