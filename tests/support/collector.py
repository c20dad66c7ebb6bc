"""A collector of OpenTelemetry: takes spans over OTLP/HTTP, or does what bad ones do."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from agentkit.processes import free_port

PATH = "/v1/traces"


@dataclass(frozen=True)
class CollectedSpan:
    """A span as it came over the wire. Times are in nanoseconds."""

    service: str
    name: str
    kind: int
    trace_id: str
    span_id: str
    parent_id: str
    started_at: int
    ended_at: int
    is_error: bool
    attributes: dict[str, Any]

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-01"


def _value(value: Any) -> Any:
    return getattr(value, value.WhichOneof("value"))


def decode(body: bytes) -> Iterator[CollectedSpan]:
    """The spans in a request."""
    for resource_spans in ExportTraceServiceRequest.FromString(body).resource_spans:
        resource = {a.key: _value(a.value) for a in resource_spans.resource.attributes}
        for span in (s for scope in resource_spans.scope_spans for s in scope.spans):
            yield CollectedSpan(
                resource["service.name"],
                span.name,
                span.kind,
                span.trace_id.hex(),
                span.span_id.hex(),
                span.parent_span_id.hex(),
                span.start_time_unix_nano,
                span.end_time_unix_nano,
                span.status.code == span.status.STATUS_CODE_ERROR,
                {a.key: _value(a.value) for a in span.attributes},
            )


@dataclass
class Collector:
    """What a collector has got, and how it answers: `status`, or not at all while it `hangs`."""

    port: int = field(default_factory=free_port)
    status: int = 200
    spans: list[CollectedSpan] = field(default_factory=list)
    requests_count: int = 0
    gate: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def take(self, body: bytes) -> int:
        """Answer a request: the status."""
        self.requests_count += 1
        self.gate.wait(60)
        if self.status == 200:
            self.spans += decode(body)
        return self.status

    def trace(self, trace_id: str) -> list[CollectedSpan]:
        """The spans of a trace, in the order in which they began."""
        return sorted((s for s in self.spans if s.trace_id == trace_id), key=lambda s: s.started_at)


@contextmanager
def listening(collector: Collector) -> Iterator[None]:
    """Let a collector answer at its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == PATH
            assert self.headers["Content-Type"] == "application/x-protobuf"
            status = collector.take(body)
            answer = ExportTraceServiceResponse().SerializeToString()
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
            except OSError:
                pass  # whoever has sent it has not waited

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        allow_reuse_address = True

    server = Server(("127.0.0.1", collector.port), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    collector.gate.set()
    try:
        yield
    finally:
        collector.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()
