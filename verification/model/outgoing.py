"""The messages which the authority sends, as they stand in the outbox.

Every function appends one message to the outbox: a dict with the protocol's field names;
moments are datetimes, the interest is a `Decimal`.
"""

from datetime import datetime

from .ids import format_account_id
from .state import DEMURRAGE_RATE, Account, BalanceChange, Message, PreparedTransfer, Shard

TRANSFER_NOTE_MAX_BYTES = 500


def send_account_update(shard: Shard, account: Account, now: datetime) -> None:
    """Send an AccountUpdate, so that no update pends any more."""
    account.pending_account_update = False
    account.last_heartbeat_ts = now
    shard.outbox.append(
        {
            "type": "AccountUpdate",
            "debtor_id": account.debtor_id,
            "creditor_id": account.creditor_id,
            "creation_date": account.creation_date,
            "last_change_ts": account.last_change_ts,
            "last_change_seqnum": account.last_change_seqnum,
            "principal": account.principal,
            "interest": account.interest,
            "interest_rate": account.interest_rate,
            "last_interest_rate_change_ts": account.last_interest_rate_change_ts,
            "last_config_ts": account.last_config_ts,
            "last_config_seqnum": account.last_config_seqnum,
            "negligible_amount": account.negligible_amount,
            "config_flags": account.config_flags,
            "config_data": account.config_data,
            "account_id": format_account_id(account.creditor_id),
            "debtor_info_iri": account.debtor_info_iri,
            "debtor_info_content_type": account.debtor_info_content_type,
            "debtor_info_sha256": account.debtor_info_sha256,
            "last_transfer_number": account.last_transfer_number,
            "last_transfer_committed_at": account.last_transfer_committed_at,
            "demurrage_rate": DEMURRAGE_RATE,
            "commit_period": int(shard.params.commit_period.total_seconds()),
            "transfer_note_max_bytes": TRANSFER_NOTE_MAX_BYTES,
            "ttl": int(shard.params.message_max_delay.total_seconds()),
            "ts": max(now, account.last_change_ts),
        }
    )


def send_account_purge(shard: Shard, account: Account, now: datetime) -> None:
    """Tell the owner that the account has gone."""
    shard.outbox.append(
        {
            "type": "AccountPurge",
            "debtor_id": account.debtor_id,
            "creditor_id": account.creditor_id,
            "creation_date": account.creation_date,
            "ts": now,
        }
    )


def send_rejected_config(shard: Shard, config: Message, now: datetime) -> None:
    """Refuse a ConfigureAccount message."""
    shard.outbox.append(
        {
            "type": "RejectedConfig",
            "debtor_id": config["debtor_id"],
            "creditor_id": config["creditor_id"],
            "config_ts": config["ts"],
            "config_seqnum": config["seqnum"],
            "config_flags": config["config_flags"],
            "config_data": config["config_data"],
            "negligible_amount": config["negligible_amount"],
            "rejection_code": "INVALID_CONFIGURATION",
            "ts": now,
        }
    )


def send_rejected_transfer(
    shard: Shard, request: Message, status_code: str, total_locked_amount: int, now: datetime
) -> None:
    """Refuse a PrepareTransfer message."""
    shard.outbox.append(
        {
            "type": "RejectedTransfer",
            "debtor_id": request["debtor_id"],
            "creditor_id": request["creditor_id"],
            "coordinator_type": request["coordinator_type"],
            "coordinator_id": request["coordinator_id"],
            "coordinator_request_id": request["coordinator_request_id"],
            "status_code": status_code,
            "total_locked_amount": total_locked_amount,
            "ts": now,
        }
    )


def send_prepared_transfer(shard: Shard, transfer: PreparedTransfer, now: datetime) -> None:
    """Tell the coordinator about a prepared transfer, for the first time or again."""
    shard.outbox.append(
        {
            "type": "PreparedTransfer",
            "debtor_id": transfer.debtor_id,
            "creditor_id": transfer.creditor_id,
            "transfer_id": transfer.transfer_id,
            "coordinator_type": transfer.coordinator_type,
            "coordinator_id": transfer.coordinator_id,
            "coordinator_request_id": transfer.coordinator_request_id,
            "locked_amount": transfer.locked_amount,
            "recipient": format_account_id(transfer.recipient_creditor_id),
            "prepared_at": transfer.prepared_at,
            "demurrage_rate": transfer.demurrage_rate,
            "deadline": transfer.deadline,
            "final_interest_rate_ts": transfer.final_interest_rate_ts,
            "ts": now,
        }
    )


def send_finalized_transfer(
    shard: Shard,
    transfer: PreparedTransfer,
    committed_amount: int,
    status_code: str,
    total_locked_amount: int,
    now: datetime,
) -> None:
    """Tell the coordinator how a transfer ended."""
    shard.outbox.append(
        {
            "type": "FinalizedTransfer",
            "debtor_id": transfer.debtor_id,
            "creditor_id": transfer.creditor_id,
            "transfer_id": transfer.transfer_id,
            "coordinator_type": transfer.coordinator_type,
            "coordinator_id": transfer.coordinator_id,
            "coordinator_request_id": transfer.coordinator_request_id,
            "committed_amount": committed_amount,
            "status_code": status_code,
            "total_locked_amount": total_locked_amount,
            "prepared_at": transfer.prepared_at,
            "ts": max(now, transfer.prepared_at),
        }
    )


def send_account_transfer(
    shard: Shard, account: Account, change: BalanceChange, principal: int, now: datetime
) -> None:
    """Tell the owner about a transfer, to which the account's counter was moved already."""
    this = format_account_id(account.creditor_id)
    other = format_account_id(change.other_creditor_id)
    shard.outbox.append(
        {
            "type": "AccountTransfer",
            "debtor_id": account.debtor_id,
            "creditor_id": account.creditor_id,
            "creation_date": account.creation_date,
            "transfer_number": account.last_transfer_number,
            "coordinator_type": change.coordinator_type,
            "sender": other if change.principal_delta > 0 else this,
            "recipient": this if change.principal_delta > 0 else other,
            "acquired_amount": change.principal_delta,
            "transfer_note": change.transfer_note,
            "transfer_note_format": change.transfer_note_format,
            "committed_at": change.committed_at,
            "principal": principal,
            "previous_transfer_number": account.last_transfer_number - 1,
            "ts": now,
        }
    )
