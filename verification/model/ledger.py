"""The few elementary acts on an account, of which all operations are made."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from . import money
from .ids import ROOT_CREDITOR_ID
from .outgoing import send_account_transfer
from .root_config import RootConfig, parse_root_config
from .state import DELETED, OVERFLOWN, Account, BalanceChange, Shard


def balance(account: Account, now: datetime) -> Decimal:
    """The principal together with the interest accumulated until `now`."""
    if account.is_root:
        return Decimal(account.principal)
    last_balance = money.add(account.interest, account.principal)
    if last_balance <= 0:
        return last_balance
    seconds = money.seconds_between(account.last_change_ts, now)
    return money.grow(last_balance, account.interest_rate, seconds)


def accumulated_interest(account: Account, now: datetime) -> Decimal:
    """The part of the balance that is not principal yet."""
    return money.add(balance(account, now), -account.principal)


def expendable_amount(account: Account, now: datetime) -> int:
    """What the owner can still lock; negative when too much is locked already."""
    available = money.floor(balance(account, now)) - account.total_locked_amount
    return available - account.minimal_balance


def has_negligible_balance(account: Account, now: datetime) -> bool:
    """Whether the account can be deleted without a loss that matters to its owner.

    A balance that no principal could hold counts as the greatest one that it can.
    """
    if account.is_root:
        return account.principal == 0
    return money.contain(money.floor(balance(account, now))) <= account.negligible_amount


def find_root_config(shard: Shard, debtor_id: int) -> RootConfig | None:
    """The configuration of the debtor, None when there is no root account, or it is deleted."""
    root = shard.accounts.get((debtor_id, ROOT_CREDITOR_ID))
    return None if root is None or root.is_deleted else parse_root_config(root.config_data)


def debtor_info(account: Account) -> tuple[str, str, bytes]:
    """What the account says about its debtor: IRI, content type, SHA-256."""
    return (
        account.debtor_info_iri,
        account.debtor_info_content_type,
        account.debtor_info_sha256,
    )


def create_account(shard: Shard, debtor_id: int, creditor_id: int, now: datetime) -> Account:
    """A new empty account, which has its debtor's interest rate already."""
    creation_date = now.date()
    account = Account(
        debtor_id=debtor_id,
        creditor_id=creditor_id,
        creation_date=creation_date,
        last_change_ts=now,
        last_transfer_id=(creation_date - money.T0.date()).days << 40,
        last_interest_capitalization_ts=now,
        last_heartbeat_ts=now,
    )
    shard.accounts[debtor_id, creditor_id] = account
    take_debtor_rate(shard, account, now)
    return account


def take_debtor_rate(shard: Shard, account: Account, now: datetime) -> None:
    """Give the account its debtor's interest rate, when that is known."""
    config = find_root_config(shard, account.debtor_id)
    if config is not None and not account.is_root:
        set_interest_rate(account, money.clamp_rate(config.rate), now)


def set_interest_rate(account: Account, rate: float, now: datetime) -> None:
    """Change the rate; the caller has stored the interest accumulated at the old one."""
    if rate != account.interest_rate:
        account.previous_interest_rate = account.interest_rate
        account.interest_rate = rate
        account.last_interest_rate_change_ts = now


def undelete(account: Account) -> None:
    """Bring a deleted account back to life; its balance is 0."""
    account.status_flags &= ~DELETED


def touch(account: Account, now: datetime) -> None:
    """Store the interest accumulated until `now`, and count one more change."""
    account.interest = accumulated_interest(account, now)
    account.last_change_seqnum = money.next_seqnum(account.last_change_seqnum)
    account.last_change_ts = max(account.last_change_ts, now)


def apply_change(
    shard: Shard,
    account: Account,
    principal_delta: int,
    interest_delta: Decimal | int,
    now: datetime,
) -> None:
    """Change the balance, of which the owner hears eventually."""
    touch(account, now)
    account.interest = money.round_interest(money.add(account.interest, interest_delta))
    principal = account.principal + principal_delta
    account.principal = money.contain(principal)
    if account.principal != principal:
        account.status_flags |= OVERFLOWN
        shard.cut[account.debtor_id] += principal - account.principal
    account.pending_account_update = True


def opposite(change: BalanceChange) -> BalanceChange:
    """What a change of one party means for the other party of the transfer."""
    return replace(
        change,
        creditor_id=change.other_creditor_id,
        other_creditor_id=change.creditor_id,
        principal_delta=-change.principal_delta,
    )


def pay(
    shard: Shard,
    account: Account,
    change: BalanceChange,
    now: datetime,
    interest_delta: Decimal | int = 0,
) -> None:
    """Make the account's side of a transfer at once, and leave the other side pending."""
    apply_change(shard, account, change.principal_delta, interest_delta, now)
    record_transfer(shard, account, change, account.principal, now)
    shard.pending_changes.append(opposite(change))


def record_transfer(
    shard: Shard, account: Account, change: BalanceChange, principal: int, now: datetime
) -> None:
    """Send an AccountTransfer, the next one of the account's chain, unless it is negligible."""
    acquired_amount = change.principal_delta
    is_negligible = (
        0 < acquired_amount <= account.negligible_amount and change.coordinator_type != "agent"
    )
    if account.is_root or is_negligible:
        return
    account.last_transfer_number += 1
    account.last_transfer_committed_at = change.committed_at
    send_account_transfer(shard, account, change, principal, now)
