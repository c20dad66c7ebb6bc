"""Whether messages are traced: only then the libraries are imported, and a thread is started."""

from typing import TYPE_CHECKING

from swpt_accounts.settings import Settings

if TYPE_CHECKING:
    from swpt_accounts.observability.tracing.received_spans import Receiver
    from swpt_accounts.observability.tracing.sent_spans import Sender

# How long the end of a process waits for the collector, at most.
FLUSH_SECONDS_MAX = 1.0

_is_on = False


def open_receiver(settings: Settings) -> "Receiver | None":
    """What makes the spans of received messages; None if nothing is traced."""
    if not _turn_on(settings):
        return None
    from swpt_accounts.observability.tracing.received_spans import Receiver

    return Receiver(settings.protocol_broker_queue)


def open_sender(settings: Settings) -> "Sender | None":
    """What makes the spans of sent messages; None if nothing is traced."""
    if not _turn_on(settings):
        return None
    from swpt_accounts.observability.tracing.sent_spans import Sender

    return Sender()


def _turn_on(settings: Settings) -> bool:
    global _is_on
    if settings.app_opentelemetry:
        _is_on = True
    return settings.app_opentelemetry


def flush_spans(seconds_max: float) -> None:
    """Hand over the spans that this process still has, as many as leave in that time."""
    if _is_on:
        from swpt_accounts.observability.tracing.tracer import close_tracer

        close_tracer(min(seconds_max, FLUSH_SECONDS_MAX))
