"""PrepareTransfer: the first phase locks an amount."""

from datetime import datetime, timedelta

from . import ledger, money
from .ids import ROOT_CREDITOR_ID, have_same_agent, parse_account_id
from .outgoing import send_prepared_transfer, send_rejected_transfer
from .state import DEMURRAGE_RATE, Account, Message, PreparedTransfer, Shard, account_key


def receive_request(shard: Shard, message: Message, now: datetime) -> None:
    """Queue the request, unless its recipient accepts no transfers."""
    recipient_id = parse_account_id(message["recipient"])
    if recipient_id is not None and (
        message["coordinator_type"] == "agent"
        or _accepts_transfers(shard, message["debtor_id"], recipient_id)
    ):
        shard.transfer_requests.append(message)
    else:
        send_rejected_transfer(shard, message, "RECIPIENT_IS_UNREACHABLE", 0, now)


def _accepts_transfers(shard: Shard, debtor_id: int, creditor_id: int) -> bool:
    if creditor_id == ROOT_CREDITOR_ID:
        return True
    account = shard.accounts.get((debtor_id, creditor_id))
    return not (account is None or account.is_deleted or account.is_scheduled_for_deletion)


def process_requests(shard: Shard, now: datetime) -> None:
    """Answer all queued requests: the accounts by their ids, the requests of each as they came."""
    requests = sorted(shard.transfer_requests, key=account_key)
    shard.transfer_requests.clear()
    for request in requests:
        account = shard.accounts.get(account_key(request))
        if account is None or account.is_deleted:
            send_rejected_transfer(shard, request, "SENDER_IS_UNREACHABLE", 0, now)
        else:
            _process_request(shard, account, request, now)


def _process_request(shard: Shard, account: Account, request: Message, now: datetime) -> None:
    recipient_id = parse_account_id(request["recipient"])
    assert recipient_id is not None
    lock = _lockable_amount(account, request["max_locked_amount"], now)
    status_code = _find_fault(account, recipient_id, request, lock)
    if status_code == "OK":
        _prepare(shard, account, recipient_id, request, lock, now)
    else:
        # To somebody who is not of the same agent, nothing is said about the account.
        is_silent = status_code == "RECIPIENT_IS_UNREACHABLE"
        locked_amount = 0 if is_silent else account.total_locked_amount
        send_rejected_transfer(shard, request, status_code, locked_amount, now)


def _lockable_amount(account: Account, max_locked_amount: int, now: datetime) -> int:
    lock = max(0, min(ledger.expendable_amount(account, now), max_locked_amount))
    return min(lock, money.MAX_INT64 - account.total_locked_amount)


def _find_fault(account: Account, recipient_id: int, request: Message, lock: int) -> str:
    by_agent = request["coordinator_type"] == "agent"
    if by_agent and not have_same_agent(account.creditor_id, recipient_id):
        return "RECIPIENT_IS_UNREACHABLE"
    if account.pending_transfers_count >= money.MAX_INT32:
        return "TOO_MANY_TRANSFERS"
    if account.creditor_id == recipient_id:
        return "RECIPIENT_SAME_AS_SENDER"
    if account.last_interest_rate_change_ts > request["final_interest_rate_ts"]:
        return "NEWER_INTEREST_RATE"
    if lock < request["min_locked_amount"]:
        return "INSUFFICIENT_AVAILABLE_AMOUNT"
    return "OK"


def _prepare(
    shard: Shard, account: Account, recipient_id: int, request: Message, lock: int, now: datetime
) -> None:
    account.total_locked_amount += lock
    account.pending_transfers_count += 1
    account.last_transfer_id += 1
    max_commit_delay = timedelta(seconds=request["max_commit_delay"])
    transfer = PreparedTransfer(
        debtor_id=account.debtor_id,
        creditor_id=account.creditor_id,
        transfer_id=account.last_transfer_id,
        coordinator_type=request["coordinator_type"],
        coordinator_id=request["coordinator_id"],
        coordinator_request_id=request["coordinator_request_id"],
        locked_amount=lock,
        recipient_creditor_id=recipient_id,
        final_interest_rate_ts=request["final_interest_rate_ts"],
        demurrage_rate=DEMURRAGE_RATE,
        deadline=min(
            money.later_by(now, shard.params.commit_period),
            money.later_by(request["ts"], max_commit_delay),
        ),
        prepared_at=now,
    )
    shard.prepared[transfer.debtor_id, transfer.creditor_id, transfer.transfer_id] = transfer
    send_prepared_transfer(shard, transfer, now)
