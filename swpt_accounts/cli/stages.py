"""Commands that work for the stages of a transfer."""

import click

from swpt_accounts.cli.options import (
    get_settings,
    quit_early_option,
    threads_option,
    wait_option,
)
from swpt_accounts.peers.recipient_verification import RecipientVerifier
from swpt_accounts.settings import Settings
from swpt_accounts.stages.definitions import (
    BALANCE_CHANGES,
    FINALIZATION_REQUESTS,
    TRANSFER_REQUESTS,
    Stage,
)
from swpt_accounts.stages.worker import StageWorker
from swpt_accounts.workers.runner import Worker, run_workers
from swpt_accounts.workers.shutdown import ShutdownEvent


def _stage_workers(
    settings: Settings, stop: ShutdownEvent, stage: Stage, count: int, wait: float, quit_early: bool
) -> list[Worker]:
    return [
        StageWorker(settings, stop, stage, wait_seconds=wait, quit_early=quit_early)
        for _ in range(count)
    ]


@click.command("process_transfer_requests")
@threads_option
@wait_option
@quit_early_option
def process_transfer_requests(threads: int | None, wait: float | None, quit_early: bool) -> None:
    """Prepare the transfers that are asked for."""
    settings = get_settings(
        process_transfer_requests_threads=threads, app_process_transfer_requests_wait=wait
    )

    def make_workers(stop: ShutdownEvent) -> list[Worker]:
        return [
            RecipientVerifier(settings, stop, quit_early=quit_early),
            *_stage_workers(
                settings,
                stop,
                TRANSFER_REQUESTS,
                settings.process_transfer_requests_threads,
                settings.app_process_transfer_requests_wait,
                quit_early,
            ),
        ]

    run_workers(make_workers)


@click.command("process_finalization_requests")
@threads_option
@wait_option
@quit_early_option
def process_finalization_requests(
    threads: int | None, wait: float | None, quit_early: bool
) -> None:
    """Finalize prepared transfers."""
    settings = get_settings(
        process_finalization_requests_threads=threads,
        app_process_finalization_requests_wait=wait,
    )

    def make_workers(stop: ShutdownEvent) -> list[Worker]:
        return _stage_workers(
            settings,
            stop,
            FINALIZATION_REQUESTS,
            settings.process_finalization_requests_threads,
            settings.app_process_finalization_requests_wait,
            quit_early,
        )

    run_workers(make_workers)


@click.command("process_balance_changes")
@threads_option
@wait_option
@quit_early_option
def process_balance_changes(threads: int | None, wait: float | None, quit_early: bool) -> None:
    """Credit and debit the accounts of this shard."""
    settings = get_settings(
        process_balance_changes_threads=threads, app_process_balance_changes_wait=wait
    )

    def make_workers(stop: ShutdownEvent) -> list[Worker]:
        return _stage_workers(
            settings,
            stop,
            BALANCE_CHANGES,
            settings.process_balance_changes_threads,
            settings.app_process_balance_changes_wait,
            quit_early,
        )

    run_workers(make_workers)
