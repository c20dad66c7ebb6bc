"""Balance changes: what the other party of a transfer gains or loses."""

from datetime import datetime
from decimal import Decimal
from itertools import groupby

from . import ledger, money
from .outgoing import send_account_update
from .state import Account, AccountKey, BalanceChange, Message, RegisteredChange, Shard


def receive_change(shard: Shard, message: Message) -> None:
    """Archive and queue a PendingBalanceChange, unless it was received before, or is too old."""
    if message["committed_at"] < shard.params.archive_threshold:
        return
    change = BalanceChange(
        debtor_id=message["debtor_id"],
        creditor_id=message["creditor_id"],
        other_creditor_id=message["other_creditor_id"],
        change_id=message["change_id"],
        principal_delta=message["principal_delta"],
        coordinator_type=message["coordinator_type"],
        transfer_note=message["transfer_note"],
        transfer_note_format=message["transfer_note_format"],
        committed_at=message["committed_at"],
    )
    key = (change.debtor_id, change.other_creditor_id, message["change_id"])
    if key not in shard.registered_changes:
        shard.registered_changes[key] = RegisteredChange(change.committed_at)
        shard.pending_changes.append(change)
        shard.received[change.debtor_id] += change.principal_delta


def process_changes(shard: Shard, now: datetime) -> None:
    """Apply all pending changes, those of one account together; the accounts by their ids."""
    changes = sorted(shard.pending_changes, key=_account_key)
    shard.pending_changes.clear()
    for key, group in groupby(changes, key=_account_key):
        _process_changes_of_account(shard, key, list(group), now)


def _process_changes_of_account(
    shard: Shard, key: AccountKey, changes: list[BalanceChange], now: datetime
) -> None:
    account = shard.accounts.get(key)
    must_tell_at_once = account is None or account.is_deleted
    if account is None:
        account = ledger.create_account(shard, *key, now)
    ledger.undelete(account)

    principal_before = account.principal
    principal_delta, interest_delta = 0, money.ZERO
    for change in changes:
        interest_delta = money.add(interest_delta, missed_interest(account, change, now))
        principal_delta += change.principal_delta
        principal_after = money.contain(principal_before + principal_delta)
        ledger.record_transfer(shard, account, change, principal_after, now)
        _mark_applied(shard, change)
    ledger.apply_change(shard, account, principal_delta, interest_delta, now)

    if must_tell_at_once:
        send_account_update(shard, account, now)


def missed_interest(account: Account, change: BalanceChange, now: datetime) -> Decimal:
    """The interest which the amount would have earned since it was committed."""
    if account.is_root:
        return money.ZERO
    seconds = money.seconds_between(change.committed_at, now)
    rate_change_ts = min(account.last_interest_rate_change_ts, now)
    seconds_before = money.seconds_between(change.committed_at, rate_change_ts)
    seconds_after = seconds - seconds_before
    exponent = money.add(
        money.growth_exponent(account.previous_interest_rate, seconds_before),
        money.growth_exponent(account.interest_rate, seconds_after),
    )
    return money.missed_interest(change.principal_delta, exponent)


def _mark_applied(shard: Shard, change: BalanceChange) -> None:
    if change.change_id is not None:
        key = (change.debtor_id, change.other_creditor_id, change.change_id)
        shard.registered_changes[key].is_applied = True


def _account_key(change: BalanceChange) -> AccountKey:
    return change.debtor_id, change.creditor_id
