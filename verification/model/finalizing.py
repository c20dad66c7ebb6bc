"""FinalizeTransfer: the second phase commits an amount, or dismisses the transfer."""

from datetime import datetime

from . import ledger, money
from .outgoing import send_finalized_transfer
from .state import Account, BalanceChange, Message, PreparedTransfer, Shard, account_key

IDENTIFYING_FIELDS = (
    "debtor_id",
    "creditor_id",
    "transfer_id",
    "coordinator_type",
    "coordinator_id",
    "coordinator_request_id",
)


def receive_request(shard: Shard, message: Message) -> None:
    """Queue the request; of several for the same transfer the first one counts."""
    ids = _ids_of_request(message)
    if all(_ids_of_request(request) != ids for request in shard.finalization_requests):
        shard.finalization_requests.append(message)


def process_requests(shard: Shard, now: datetime) -> None:
    """Finalize the transfers, and queue the changes for their recipients, as requests came."""
    requests = list(shard.finalization_requests)
    shard.finalization_requests.clear()
    for request in requests:
        transfer = shard.prepared.get((*account_key(request), request["transfer_id"]))
        if transfer is not None and _ids_of_transfer(transfer) == _ids_of_request(request):
            account = shard.accounts[account_key(request)]
            _finalize(shard, account, transfer, request, now)


def _finalize(
    shard: Shard, account: Account, transfer: PreparedTransfer, request: Message, now: datetime
) -> None:
    amount = request["committed_amount"]
    status_code = "OK" if amount == 0 else _find_fault(account, transfer, amount, now)
    committed_amount = amount if status_code == "OK" else 0

    account.total_locked_amount -= transfer.locked_amount
    account.pending_transfers_count -= 1
    del shard.prepared[transfer.debtor_id, transfer.creditor_id, transfer.transfer_id]
    send_finalized_transfer(
        shard, transfer, committed_amount, status_code, account.total_locked_amount, now
    )
    if committed_amount > 0:
        _commit(shard, account, transfer, request, now)


def _find_fault(account: Account, transfer: PreparedTransfer, amount: int, now: datetime) -> str:
    if now > transfer.deadline:
        return "TIMEOUT"
    if account.last_interest_rate_change_ts > transfer.final_interest_rate_ts:
        return "NEWER_INTEREST_RATE"
    expendable = ledger.expendable_amount(account, now) + transfer.locked_amount
    if amount > expendable and not _is_guaranteed(account, transfer, amount, now):
        return "INSUFFICIENT_AVAILABLE_AMOUNT"
    return "OK"


def _is_guaranteed(
    account: Account, transfer: PreparedTransfer, amount: int, now: datetime
) -> bool:
    """Whether the lock alone, which only demurrage makes smaller, covers the amount."""
    if account.is_root:
        return amount <= transfer.locked_amount
    seconds = money.seconds_between(transfer.prepared_at, now)
    guaranteed = money.grow(transfer.locked_amount, transfer.demurrage_rate, seconds)
    return amount <= transfer.locked_amount and amount <= guaranteed


def _commit(
    shard: Shard, account: Account, transfer: PreparedTransfer, request: Message, now: datetime
) -> None:
    change = BalanceChange(
        debtor_id=account.debtor_id,
        creditor_id=account.creditor_id,
        other_creditor_id=transfer.recipient_creditor_id,
        change_id=None,
        principal_delta=-request["committed_amount"],
        coordinator_type=transfer.coordinator_type,
        transfer_note=request["transfer_note"],
        transfer_note_format=request["transfer_note_format"],
        committed_at=now,
    )
    ledger.pay(shard, account, change, now)


def _ids_of_request(request: Message) -> tuple[object, ...]:
    return tuple(request[name] for name in IDENTIFYING_FIELDS)


def _ids_of_transfer(transfer: PreparedTransfer) -> tuple[object, ...]:
    return tuple(getattr(transfer, name) for name in IDENTIFYING_FIELDS)
