"""The commands that run the stages of a transfer."""

import click

from swpt_accounts.cli.options import (
    all_of,
    get_settings,
    quit_early_option,
    threads_option,
    wait_option,
)
from swpt_accounts.settings import Settings
from swpt_accounts.stages.worker import (
    BALANCE_CHANGES,
    FINALIZATION_REQUESTS,
    TRANSFER_REQUESTS,
    Stage,
    StageWorker,
)
from swpt_accounts.workers.runner import Worker, run_workers
from swpt_accounts.workers.shutdown import ShutdownEvent

_stage_options = all_of(threads_option, wait_option, quit_early_option)


def _stage_workers(
    settings: Settings, shutdown: ShutdownEvent, stage: Stage, count: int, quit_early: bool
) -> list[Worker]:
    return [StageWorker(settings, shutdown, stage, quit_early=quit_early) for _ in range(count)]


@click.command("process_transfer_requests")
@_stage_options
def process_transfer_requests(threads: int | None, wait: float | None, quit_early: bool) -> None:
    """Prepare the requested transfers."""
    # (what it imports the other stages do not need)
    from swpt_accounts.stages.recipient_verification import RecipientVerifier

    settings = get_settings(
        process_transfer_requests_threads=threads, app_process_transfer_requests_wait=wait
    )
    count = settings.process_transfer_requests_threads

    def make_workers(shutdown: ShutdownEvent) -> list[Worker]:
        workers = _stage_workers(settings, shutdown, TRANSFER_REQUESTS, count, quit_early)
        return [RecipientVerifier(settings, shutdown, quit_early=quit_early), *workers]

    run_workers(make_workers)


@click.command("process_finalization_requests")
@_stage_options
def process_finalization_requests(
    threads: int | None, wait: float | None, quit_early: bool
) -> None:
    """Finalize prepared transfers."""
    settings = get_settings(
        process_finalization_requests_threads=threads, app_process_finalization_requests_wait=wait
    )
    count = settings.process_finalization_requests_threads
    run_workers(
        lambda shutdown: _stage_workers(
            settings, shutdown, FINALIZATION_REQUESTS, count, quit_early
        )
    )


@click.command("process_balance_changes")
@_stage_options
def process_balance_changes(threads: int | None, wait: float | None, quit_early: bool) -> None:
    """Credit and debit the accounts of this shard."""
    settings = get_settings(
        process_balance_changes_threads=threads, app_process_balance_changes_wait=wait
    )
    count = settings.process_balance_changes_threads
    run_workers(
        lambda shutdown: _stage_workers(settings, shutdown, BALANCE_CHANGES, count, quit_early)
    )
