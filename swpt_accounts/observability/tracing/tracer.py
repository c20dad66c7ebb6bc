"""The tracer of this process, and how its spans go to the collector, without delaying anything."""

import logging
import os
import sys
from functools import cache
from threading import Lock, Thread, local
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.environment_variables import (
    OTEL_EXPORTER_OTLP_PROTOCOL,
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL,
)
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Tracer

from swpt_accounts.observability.events.lifecycle import PROTOCOL_IGNORED
from swpt_accounts.observability.tracing.span_processor import BoundedProcessor, ReportingExporter

logger = logging.getLogger(__name__)

SERVICE_NAME: Final = "swpt_accounts"
_PROTOCOL: Final = "http/protobuf"

_ids: Final = local()
_opening: Final = Lock()


class SpanIds(RandomIdGenerator):
    """Random ids, but where the id of the next span of this thread has been given."""

    def generate_span_id(self) -> int:
        given: int | None = _ids.__dict__.pop("span_id", None)
        return given or super().generate_span_id()


def give_next_span_id(span_id: int) -> None:
    """The next span that this thread starts gets this id."""
    _ids.span_id = span_id


@cache
def _open_provider() -> tuple[TracerProvider, ReportingExporter]:
    try:
        exporter = ReportingExporter(OTLPSpanExporter())
        # (the libraries would have a name for a service that has none)
        named = Resource({"service.name": SERVICE_NAME}).merge(OTELResourceDetector().detect())
        provider = TracerProvider(
            resource=Resource.create(named.attributes),
            id_generator=SpanIds(),
            # at the end of a process it would wait without a limit
            shutdown_on_exit=False,
        )
        provider.add_span_processor(BoundedProcessor(exporter))
    except (ValueError, OSError) as error:
        sys.exit(f"swpt_accounts: an OTEL_… setting is wrong: {error}")
    _check_protocol()
    return provider, exporter


def _check_protocol() -> None:
    for name in (OTEL_EXPORTER_OTLP_TRACES_PROTOCOL, OTEL_EXPORTER_OTLP_PROTOCOL):
        if os.environ.get(name, _PROTOCOL) != _PROTOCOL:
            PROTOCOL_IGNORED.log(logger, variable=name)


def open_tracer() -> Tracer:
    """The tracer of this process. Exits with a message if a setting of OpenTelemetry is wrong."""
    with _opening:
        provider, _ = _open_provider()
    return provider.get_tracer("swpt_accounts")


def close_tracer(seconds_max: float) -> None:
    """Hand over what is left, for a time at most. There are no spans after this."""
    with _opening:
        if _open_provider.cache_info().currsize == 0:
            return
        provider, exporter = _open_provider()
    # Its own limit is not kept while the collector is being waited for.
    closing = Thread(target=provider.shutdown, daemon=True)
    closing.start()
    closing.join(seconds_max)
    exporter.tell_end()
