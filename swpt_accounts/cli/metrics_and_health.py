"""The commands that show metrics and health."""

import sys
from threading import Thread

import click

from swpt_accounts.cli.options import get_settings
from swpt_accounts.exporter.health import Question, check
from swpt_accounts.observability.metrics.recorder import METRICS_FOLDER
from swpt_accounts.observability.state_dir import UnusableStateDir, open_folder
from swpt_accounts.workers.runner import Worker, run_workers
from swpt_accounts.workers.shutdown import ShutdownEvent


@click.command("serve_metrics")
@click.option("-p", "--port", type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option(
    "--beside", type=click.IntRange(1), help="Id of the parent process; exit when it exits."
)
def serve_metrics(port: int | None, beside: int | None) -> None:
    """Serve the metrics and the health of this container over HTTP."""
    settings = get_settings(metrics_port=port)
    if settings.metrics_port == 0:
        raise click.UsageError("set METRICS_PORT, or pass --port")
    from swpt_accounts.exporter.broker_poller import make_pollers
    from swpt_accounts.exporter.collector import Page
    from swpt_accounts.exporter.database_poller import DatabasePoller
    from swpt_accounts.exporter.health_poller import HealthPoller
    from swpt_accounts.exporter.parent_watch import end_with_parent
    from swpt_accounts.exporter.server import PageServer

    try:
        open_folder(settings.state_dir, METRICS_FOLDER)
    except UnusableStateDir as error:
        sys.exit(f"swpt_accounts: {error}")

    def make_workers(stop: ShutdownEvent) -> list[Worker]:
        if beside is not None:
            Thread(target=end_with_parent, args=(beside, stop), daemon=True).start()
        health = HealthPoller(settings, stop)
        database = DatabasePoller(settings, stop)
        brokers = make_pollers(settings, stop)
        page = Page(settings, health, database, brokers)
        try:
            server = PageServer(stop, settings.metrics_port, page, health)
        except OSError as error:
            sys.exit(f"swpt_accounts: port {settings.metrics_port} (METRICS_PORT): {error}")
        return [health, database, *brokers, server]

    run_workers(make_workers)


@click.command("healthcheck")
@click.argument("question", type=click.Choice([str(question) for question in Question]))
def healthcheck(question: str) -> None:
    """Check whether this container is `live` or `ready`.

    Exit with 0 if it is, else with 1 and the reasons.
    """
    problems = check(get_settings(), Question(question))
    click.echo("; ".join(map(str, problems)) or "ok")
    sys.exit(1 if problems else 0)
