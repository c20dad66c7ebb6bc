"""The commands that consume messages."""

import click

from swpt_accounts.chores.worker import ChoresWorker
from swpt_accounts.cli.options import (
    get_settings,
    prefetch_count_option,
    prefetch_size_option,
    processes_option,
    queue_option,
    threads_option,
    url_option,
)
from swpt_accounts.inbox.worker import InboxWorker
from swpt_accounts.workers.performance_warnings import warn_of_slow_settings
from swpt_accounts.workers.runner import run_workers
from swpt_accounts.workers.shutdown import ShutdownEvent


@click.command("consume_messages")
@url_option
@queue_option
@processes_option
@threads_option
@prefetch_size_option
@prefetch_count_option
@click.option("--draining-mode", is_flag=True, help="Make pauses when the queue is empty.")
def consume_messages(
    url: str | None,
    queue: str | None,
    processes: int | None,
    threads: int | None,
    prefetch_size: int | None,
    prefetch_count: int | None,
    draining_mode: bool,
) -> None:
    """Consume Swaptacular Messaging Protocol messages."""
    settings = get_settings(
        protocol_broker_url=url,
        protocol_broker_queue=queue,
        protocol_broker_processes=processes,
        protocol_broker_threads=threads,
        protocol_broker_prefetch_size=prefetch_size,
        protocol_broker_prefetch_count=prefetch_count,
    )

    warn_of_slow_settings(settings, "protocol_broker_")

    def make_workers(stop: ShutdownEvent) -> list[InboxWorker]:
        count = settings.protocol_broker_threads
        return [InboxWorker(settings, stop, is_draining=draining_mode) for _ in range(count)]

    run_workers(make_workers, processes_count=settings.protocol_broker_processes)


@click.command("consume_chore_messages")
@url_option
@queue_option
@processes_option
@threads_option
@prefetch_size_option
@prefetch_count_option
def consume_chore_messages(
    url: str | None,
    queue: str | None,
    processes: int | None,
    threads: int | None,
    prefetch_size: int | None,
    prefetch_count: int | None,
) -> None:
    """Consume the local tasks (chores)."""
    settings = get_settings(
        chores_broker_url=url,
        chores_broker_queue=queue,
        chores_broker_processes=processes,
        chores_broker_threads=threads,
        chores_broker_prefetch_size=prefetch_size,
        chores_broker_prefetch_count=prefetch_count,
    )

    def make_workers(stop: ShutdownEvent) -> list[ChoresWorker]:
        return [ChoresWorker(settings, stop) for _ in range(settings.chores_broker_threads)]

    run_workers(make_workers, processes_count=settings.chores_broker_processes)
