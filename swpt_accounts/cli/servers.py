"""The commands of servers: metrics and health, and the console."""

import os
import sys
from collections.abc import Sequence
from threading import Thread

import click

from swpt_accounts.cli.options import get_settings
from swpt_accounts.inspection.exporter.health import Probe, check, describe
from swpt_accounts.inspection.exporter.threads import make_exporter
from swpt_accounts.observability.metrics.recorder import METRICS_FOLDER
from swpt_accounts.observability.state_dir import UnusableStateDir, open_folder
from swpt_accounts.settings import Settings
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
    try:
        open_folder(settings.state_dir, METRICS_FOLDER)
    except UnusableStateDir as error:
        sys.exit(f"swpt_accounts: {error}")

    def make_workers(shutdown: ShutdownEvent) -> Sequence[Worker]:
        if beside is not None:
            # (the server's module takes what only an exporter needs)
            from swpt_accounts.inspection.exporter.server import stop_with_parent

            Thread(target=stop_with_parent, args=(beside, shutdown), daemon=True).start()
        try:
            return make_exporter(settings, shutdown)
        except OSError as error:
            sys.exit(f"swpt_accounts: {error}")

    run_workers(make_workers)


@click.command("healthcheck")
@click.argument("probe", type=click.Choice([str(one) for one in Probe]))
def healthcheck(probe: str) -> None:
    """Check whether this container is `live` or `ready`.

    Exit with 0 if it is, else with 1 and the reasons.
    """
    settings = get_settings()
    problems = check(settings, Probe(probe))
    click.echo("; ".join(describe(settings, problems)))
    sys.exit(1 if problems else 0)


_CONFIG = "python:swpt_accounts.console.gunicorn_conf"
_APPLICATION = "swpt_accounts.console.application:make_console()"


@click.command("console")
@click.pass_obj
def console(settings: Settings) -> None:
    """Serve the operator console, a web application."""
    if settings.console_token is None and settings.console_user_header is None:
        sys.exit(
            "swpt_accounts: set CONSOLE_TOKEN or CONSOLE_USER_HEADER: without one of them, nobody"
            " can sign in to the console"
        )
    sys.stdout.flush()
    arguments = ["-m", "gunicorn", "--config", _CONFIG, _APPLICATION]
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 - no shell is wanted
