"""The commands that consume messages."""

import click

from swpt_accounts.cli.options import (
    all_of,
    get_settings,
    prefetch_count_option,
    prefetch_size_option,
    processes_option,
    queue_option,
    threads_option,
    url_option,
)
from swpt_accounts.inbox.worker import InboxWorker
from swpt_accounts.scans.chores_worker import ChoresWorker
from swpt_accounts.workers.runner import run_workers
from swpt_accounts.workers.setting_warnings import warn_of_slow_settings
from swpt_accounts.workers.shutdown import ShutdownEvent

# Each replaces the setting of its name, after the prefix of the broker.
_consumer_options = all_of(
    url_option,
    queue_option,
    processes_option,
    threads_option,
    prefetch_size_option,
    prefetch_count_option,
)


@click.command("consume_messages")
@_consumer_options
@click.option("--draining-mode", is_flag=True, help="Pause when the queue is empty.")
def consume_messages(*, draining_mode: bool, **options: str | int | None) -> None:
    """Consume Swaptacular Messaging Protocol messages."""
    settings = get_settings(**{f"protocol_broker_{name}": v for name, v in options.items()})
    warn_of_slow_settings(settings, "protocol_broker_")

    def make_workers(shutdown: ShutdownEvent) -> list[InboxWorker]:
        count = settings.protocol_broker_threads
        return [InboxWorker(settings, shutdown, is_draining=draining_mode) for _ in range(count)]

    run_workers(make_workers, processes_count=settings.protocol_broker_processes)


@click.command("consume_chore_messages")
@_consumer_options
def consume_chore_messages(**options: str | int | None) -> None:
    """Consume the local tasks (chores)."""
    settings = get_settings(**{f"chores_broker_{name}": v for name, v in options.items()})

    def make_workers(shutdown: ShutdownEvent) -> list[ChoresWorker]:
        return [ChoresWorker(settings, shutdown) for _ in range(settings.chores_broker_threads)]

    run_workers(make_workers, processes_count=settings.chores_broker_processes)
