"""Well-formed incoming messages for one debtor, with defaults for what a test does not care of."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from agentkit.messages import balance_change, configure, finalize, prepare

from .ids import ROOT_CREDITOR_ID
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


def configure_account(creditor_id: int, ts: datetime = NOW, **fields: Any) -> Message:
    """Build a ConfigureAccount."""
    return configure(DEBTOR, creditor_id, **{"ts": ts, "seqnum": 0, **fields})


def prepare_transfer(
    creditor_id: int,
    recipient: int | str,
    amount: int,
    ts: datetime = NOW,
    *,
    coordinator_type: str = "direct",
    **fields: Any,
) -> Message:
    """Build a PrepareTransfer, which wants the whole `amount` unless a minimum is given."""
    given = {
        "ts": ts,
        "coordinator_type": coordinator_type,
        "coordinator_id": DEBTOR if coordinator_type == "issuing" else creditor_id,
        "coordinator_request_id": 1,
        "final_interest_rate_ts": LATEST,
        "max_commit_delay": 30 * 86400,
    }
    return prepare(DEBTOR, creditor_id, recipient, amount, **{**given, **fields})


def finalize_transfer(
    transfer: PreparedTransfer, committed_amount: int, ts: datetime = NOW
) -> Message:
    """Build a FinalizeTransfer for the prepared transfer."""
    note = {"transfer_note": "a note", "transfer_note_format": "-"}
    return finalize(asdict(transfer), committed_amount, ts=ts, **note)


def pending_balance_change(
    creditor_id: int,
    principal_delta: int,
    committed_at: datetime = NOW,
    *,
    other_creditor_id: int = ROOT,
    **fields: Any,
) -> Message:
    """Build a PendingBalanceChange."""
    given = {"transfer_note": "a note", "committed_at": committed_at, **fields}
    return balance_change(DEBTOR, creditor_id, other_creditor_id, principal_delta, **given)


def chore(chore_type: str, creditor_id: int, **fields: object) -> Message:
    """Build a chore."""
    return {"type": chore_type, "debtor_id": DEBTOR, "creditor_id": creditor_id, **fields}
