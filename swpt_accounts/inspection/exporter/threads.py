"""What an exporter is made of: one thread for each."""

from collections.abc import Sequence

from swpt_accounts.settings import Settings
from swpt_accounts.workers.runner import Worker
from swpt_accounts.workers.shutdown import ShutdownEvent


def make_exporter(
    settings: Settings, shutdown: ShutdownEvent, *, is_beside_worker: bool = False
) -> Sequence[Worker]:
    """The threads. Raises `OSError` where it is impossible to listen.

    Beside a single worker they ask the servers more rarely: the other containers ask the same.
    """
    # They take memory that is needed nowhere else.
    from swpt_accounts.inspection.exporter.collector import MetricsCollector
    from swpt_accounts.inspection.exporter.health import HealthPoller
    from swpt_accounts.inspection.exporter.pollers import (
        POLL_SECONDS,
        POLL_SECONDS_BESIDE_WORKER,
        DatabasePoller,
        make_broker_pollers,
    )
    from swpt_accounts.inspection.exporter.server import ExporterServer

    health = HealthPoller(settings, shutdown)
    seconds = POLL_SECONDS_BESIDE_WORKER if is_beside_worker else POLL_SECONDS
    brokers = make_broker_pollers(settings, shutdown, seconds)
    database = DatabasePoller(settings, shutdown, seconds, brokers)
    collector = MetricsCollector(settings, health, database, brokers)
    try:
        server = ExporterServer(shutdown, settings.metrics_port, collector, health)
    except OSError as error:
        raise OSError(f"port {settings.metrics_port} (METRICS_PORT): {error}") from error
    return [health, database, *brokers, server]
