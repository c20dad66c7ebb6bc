"""One whole pass of each scan."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from . import ledger, money
from .outgoing import send_account_purge, send_account_update, send_prepared_transfer
from .root_config import RootConfig
from .state import Account, Message, Shard

MIN_AGE_OF_PURGED_ACCOUNT = timedelta(days=3)
PROMPT_UPDATE_INTERVAL = timedelta(hours=1)


def scan_accounts(shard: Shard, now: datetime) -> list[Message]:
    """Purge and update accounts; the chores that are due are returned, and not performed.

    All accounts are one batch: first the purges of all are made.
    """
    chores: list[Message] = []
    for key, account in sorted(shard.accounts.items()):
        if _can_be_purged(shard, account, now):
            del shard.accounts[key]
            send_account_purge(shard, account, now)
    for _, account in sorted(shard.accounts.items()):
        if not account.is_deleted:
            if account.pending_account_update or _needs_heartbeat(shard, account, now):
                send_account_update(shard, account, now)
            chores.extend(_find_chores(shard, account, now))
    return chores


def send_prompt_updates(shard: Shard, now: datetime) -> None:
    """Send pending updates, where the last update is over an hour old."""
    for _, account in sorted(shard.accounts.items()):
        is_due = now - account.last_heartbeat_ts > PROMPT_UPDATE_INTERVAL
        if account.pending_account_update and is_due:
            send_account_update(shard, account, now)


def scan_prepared_transfers(shard: Shard, now: datetime) -> None:
    """Remind the coordinators of transfers that are not finalized for long."""
    interval = max(shard.params.reminder, shard.params.message_max_delay)
    for _, transfer in sorted(shard.prepared.items()):
        if now - (transfer.last_reminder_ts or transfer.prepared_at) > interval:
            transfer.last_reminder_ts = now
            send_prepared_transfer(shard, transfer, now)


def scan_registered_balance_changes(shard: Shard) -> None:
    """Forget changes that were applied, and are so old that they cannot be received again."""
    for key, entry in list(shard.registered_changes.items()):
        if entry.is_applied and entry.committed_at < shard.params.archive_threshold:
            del shard.registered_changes[key]


def _can_be_purged(shard: Shard, account: Account, now: datetime) -> bool:
    params = shard.params
    quiet_period = params.extreme_delay + params.commit_period + timedelta(days=2)
    return (
        account.is_deleted
        and now - account.last_change_ts > quiet_period
        and now.date() - account.creation_date > MIN_AGE_OF_PURGED_ACCOUNT
    )


def _needs_heartbeat(shard: Shard, account: Account, now: datetime) -> bool:
    interval = max(shard.params.heartbeat, shard.params.message_max_delay)
    return now - account.last_heartbeat_ts > interval


def _find_chores(shard: Shard, account: Account, now: datetime) -> Iterator[Message]:
    ids = {"debtor_id": account.debtor_id, "creditor_id": account.creditor_id}
    config = ledger.find_root_config(shard, account.debtor_id)
    if _should_be_deleted(shard, account, now):
        yield {"type": "TryToDeleteAccount", **ids}
    if not account.is_root and _should_be_capitalized(shard, account, now):
        yield {"type": "CapitalizeInterest", **ids}
    if not account.is_root and config is not None:
        if _should_change_rate(shard, account, config, now):
            rate = money.clamp_rate(config.rate)
            yield {"type": "ChangeInterestRate", **ids, "interest_rate": rate, "ts": now}
        info = (config.info.iri, config.info.content_type, config.info.sha256)
        if ledger.debtor_info(account) != info:
            yield {
                "type": "UpdateDebtorInfo",
                **ids,
                "debtor_info_iri": config.info.iri,
                "debtor_info_content_type": config.info.content_type,
                "debtor_info_sha256": config.info.sha256,
                "ts": now,
            }


def _should_be_deleted(shard: Shard, account: Account, now: datetime) -> bool:
    interval = now - account.last_deletion_attempt_ts
    return (
        account.is_scheduled_for_deletion
        and ledger.has_negligible_balance(account, now)
        and interval >= shard.params.min_deletion_attempt_interval
    )


def _should_be_capitalized(shard: Shard, account: Account, now: datetime) -> bool:
    interval = now - account.last_interest_capitalization_ts
    interest = abs(money.floor(ledger.accumulated_interest(account, now)))
    return interval >= shard.params.min_capitalization_interval and money.ratio_exceeds(
        interest, 1 + abs(account.principal), shard.params.max_interest_to_principal_ratio
    )


def _should_change_rate(shard: Shard, account: Account, config: RootConfig, now: datetime) -> bool:
    interval = now - account.last_interest_rate_change_ts
    return (
        money.clamp_rate(config.rate) != account.interest_rate
        and interval >= shard.params.min_rate_change_interval
    )
