"""Well-formed incoming messages for one debtor, with defaults for what a test does not care of."""

from datetime import UTC, datetime, timedelta

from .ids import ROOT_CREDITOR_ID, format_account_id
from .money import LATEST
from .state import Message, PreparedTransfer

NOW = datetime(2024, 5, 20, 13, 15, 9, 123456, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
YEAR = timedelta(days=365.25)
DEBTOR = 1
ROOT = ROOT_CREDITOR_ID
# Alice and Bob have the same agent, Carol has another one.
ALICE, BOB, CAROL = (1 << 40) + 1, (1 << 40) + 2, (2 << 40) + 1
# An account created at `NOW` numbers from here: 2024-05-20 is 19863 days after 1970-01-01.
FIRST_TRANSFER_ID = (19863 << 40) + 1
# The debtor info of a RootConfigData document, and how an account shows it.
ROOT_INFO = {
    "type": "DebtorInfo",
    "iri": "https://example.com/",
    "contentType": "text/plain",
    "sha256": "0F" * 32,
}
INFO = {
    "debtor_info_iri": "https://example.com/",
    "debtor_info_content_type": "text/plain",
    "debtor_info_sha256": b"\x0f" * 32,
}


def configure_account(
    creditor_id: int,
    ts: datetime = NOW,
    *,
    seqnum: int = 0,
    config_data: str = "",
    config_flags: int = 0,
    negligible_amount: float = 0.0,
) -> Message:
    """Build a ConfigureAccount."""
    return {
        "type": "ConfigureAccount",
        "debtor_id": DEBTOR,
        "creditor_id": creditor_id,
        "negligible_amount": negligible_amount,
        "config_flags": config_flags,
        "config_data": config_data,
        "ts": ts,
        "seqnum": seqnum,
    }


def prepare_transfer(
    creditor_id: int,
    recipient: int | str,
    amount: int,
    ts: datetime = NOW,
    *,
    min_locked_amount: int | None = None,
    coordinator_type: str = "direct",
    coordinator_request_id: int = 1,
    final_interest_rate_ts: datetime = LATEST,
    max_commit_delay: int = 30 * 86400,
) -> Message:
    """Build a PrepareTransfer, which wants the whole `amount` unless a minimum is given."""
    is_issuing = coordinator_type == "issuing"
    return {
        "type": "PrepareTransfer",
        "debtor_id": DEBTOR,
        "creditor_id": creditor_id,
        "coordinator_type": coordinator_type,
        "coordinator_id": DEBTOR if is_issuing else creditor_id,
        "coordinator_request_id": coordinator_request_id,
        "min_locked_amount": amount if min_locked_amount is None else min_locked_amount,
        "max_locked_amount": amount,
        "recipient": recipient if isinstance(recipient, str) else format_account_id(recipient),
        "final_interest_rate_ts": final_interest_rate_ts,
        "max_commit_delay": max_commit_delay,
        "ts": ts,
    }


def finalize_transfer(
    transfer: PreparedTransfer, committed_amount: int, ts: datetime = NOW
) -> Message:
    """Build a FinalizeTransfer for the prepared transfer."""
    return {
        "type": "FinalizeTransfer",
        "debtor_id": transfer.debtor_id,
        "creditor_id": transfer.creditor_id,
        "transfer_id": transfer.transfer_id,
        "coordinator_type": transfer.coordinator_type,
        "coordinator_id": transfer.coordinator_id,
        "coordinator_request_id": transfer.coordinator_request_id,
        "committed_amount": committed_amount,
        "transfer_note": "a note",
        "transfer_note_format": "-",
        "ts": ts,
    }


def pending_balance_change(
    creditor_id: int,
    principal_delta: int,
    committed_at: datetime = NOW,
    *,
    other_creditor_id: int = ROOT,
    change_id: int = 1,
    coordinator_type: str = "direct",
) -> Message:
    """Build a PendingBalanceChange."""
    return {
        "type": "PendingBalanceChange",
        "debtor_id": DEBTOR,
        "creditor_id": creditor_id,
        "other_creditor_id": other_creditor_id,
        "change_id": change_id,
        "principal_delta": principal_delta,
        "coordinator_type": coordinator_type,
        "transfer_note": "a note",
        "transfer_note_format": "",
        "committed_at": committed_at,
    }


def chore(chore_type: str, creditor_id: int, **fields: object) -> Message:
    """Build a chore."""
    return {"type": chore_type, "debtor_id": DEBTOR, "creditor_id": creditor_id, **fields}
