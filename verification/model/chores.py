"""The chores, which the scan of the accounts posts.

A chore for an account that is missing or deleted does nothing. The messages are dicts
with the fields `type`, `debtor_id`, `creditor_id`, and those read below.
"""

from datetime import datetime, timedelta

from . import ledger, money
from .ids import ROOT_CREDITOR_ID
from .outgoing import send_account_update
from .state import DELETED, Account, BalanceChange, Message, Shard, account_key

MAX_CHORE_DELAY = timedelta(days=1)


def change_interest_rate(shard: Shard, chore: Message, now: datetime) -> None:
    """Change the rate of a creditor's account (`interest_rate`, `ts`)."""
    account = _find_creditor_account(shard, chore)
    if account is None or now - chore["ts"] > MAX_CHORE_DELAY:
        return
    rate = money.clamp_rate(chore["interest_rate"])
    interval = now - account.last_interest_rate_change_ts
    if rate == account.interest_rate or interval < shard.params.min_rate_change_interval:
        return
    ledger.touch(account, now)
    ledger.set_interest_rate(account, rate, now)
    send_account_update(shard, account, now)


def update_debtor_info(shard: Shard, chore: Message, now: datetime) -> None:
    """Change what a creditor's account says about its debtor (`debtor_info_*`, `ts`)."""
    account = _find_creditor_account(shard, chore)
    if account is None or now - chore["ts"] > MAX_CHORE_DELAY:
        return
    iri, content_type = chore["debtor_info_iri"], chore["debtor_info_content_type"]
    sha256 = chore["debtor_info_sha256"]
    if ledger.debtor_info(account) == (iri, content_type, sha256):
        return
    ledger.touch(account, now)
    account.debtor_info_iri = iri
    account.debtor_info_content_type = content_type
    account.debtor_info_sha256 = sha256
    send_account_update(shard, account, now)


def capitalize_interest(shard: Shard, chore: Message, now: datetime) -> None:
    """Turn the whole units of the accumulated interest of a creditor's account into principal."""
    account = _find_creditor_account(shard, chore)
    if account is None:
        return
    if now - account.last_interest_capitalization_ts < shard.params.min_capitalization_interval:
        return
    amount = _containable_amount(account, money.floor(ledger.accumulated_interest(account, now)))
    if amount != 0:
        account.last_interest_capitalization_ts = now
        change = _change_with_root(account, amount, "interest", now)
        ledger.pay(shard, account, change, now, interest_delta=-amount)


def _containable_amount(account: Account, amount: int) -> int:
    """The part which the principal can take, and one message can carry; the rest stays."""
    return money.contain(money.contain(account.principal + amount) - account.principal)


def try_to_delete_account(shard: Shard, chore: Message, now: datetime) -> None:
    """Delete the account, if its owner wants it and would lose nothing that matters."""
    account = shard.accounts.get(account_key(chore))
    if account is None or account.is_deleted:
        return
    account.last_deletion_attempt_ts = now
    if (
        account.is_scheduled_for_deletion
        and account.pending_transfers_count == 0
        and ledger.has_negligible_balance(account, now)
    ):
        _delete(shard, account, now)


def _delete(shard: Shard, account: Account, now: datetime) -> None:
    if account.principal != 0:
        change = _change_with_root(account, -account.principal, "delete", now)
        ledger.pay(shard, account, change, now)
    else:
        ledger.touch(account, now)
    account.interest = money.ZERO
    account.total_locked_amount = 0
    account.status_flags |= DELETED
    send_account_update(shard, account, now)


def _change_with_root(
    account: Account, amount: int, coordinator_type: str, now: datetime
) -> BalanceChange:
    return BalanceChange(
        debtor_id=account.debtor_id,
        creditor_id=account.creditor_id,
        other_creditor_id=ROOT_CREDITOR_ID,
        change_id=None,
        principal_delta=amount,
        coordinator_type=coordinator_type,
        transfer_note="",
        transfer_note_format="",
        committed_at=now,
    )


def _find_creditor_account(shard: Shard, chore: Message) -> Account | None:
    account = shard.accounts.get(account_key(chore))
    if account is None or account.is_root or account.is_deleted:
        return None
    return account
