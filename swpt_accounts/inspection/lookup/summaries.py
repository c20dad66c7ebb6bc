"""What messages, and the rows that become messages, say in a few words."""

from collections.abc import Callable, Mapping
from typing import Any, Final

Fields = Mapping[str, Any]


def _finalize(f: Fields) -> str:
    amount = f["committed_amount"]
    return (
        f"commit {amount:,} of transfer {f['transfer_id']}"
        if amount
        else (f"dismiss transfer {f['transfer_id']}")
    )


def _finalized(f: Fields) -> str:
    return (
        f"transfer {f['transfer_id']} finalized: {f['status_code']},"
        f" {f['committed_amount']:,} committed"
    )


def _change(f: Fields) -> str:
    return (
        f"{f['principal_delta']:+,} for creditor {f['creditor_id']}, from creditor"
        f" {f['other_creditor_id']}, committed {f['committed_at']}"
    )


_WORDS: Final[dict[str, Callable[[Fields], str]]] = {
    "ConfigureAccount": lambda f: f"configure the account: flags {f['config_flags']}",
    "PrepareTransfer": lambda f: (
        f"lock {f['min_locked_amount']:,} to {f['max_locked_amount']:,} for a transfer to"
        f" {f.get('recipient', f.get('recipient_creditor_id'))}"
    ),
    "FinalizeTransfer": _finalize,
    "PendingBalanceChange": _change,
    "RejectedConfig": lambda f: f"configuration rejected: {f['rejection_code']}",
    "RejectedTransfer": lambda f: f"transfer rejected: {f['status_code']}",
    "PreparedTransfer": lambda f: (
        f"transfer {f['transfer_id']} prepared: {f['locked_amount']:,} locked until {f['deadline']}"
    ),
    "FinalizedTransfer": _finalized,
    "AccountUpdate": lambda f: (
        f"principal {f['principal']:,}, change number {f['last_change_seqnum']}, last transfer"
        f" {f['last_transfer_number']}"
    ),
    "AccountPurge": lambda f: f"account created on {f['creation_date']} purged",
    "AccountTransfer": lambda f: (
        f"transfer number {f['transfer_number']}: {f['acquired_amount']:+,}, principal"
        f" {f['principal']:,}"
    ),
}


def words(message_type: str, fields: Fields) -> str:
    """One line. Of a message of another version, whose fields are others, only the type."""
    try:
        return _WORDS[message_type](fields)
    except (KeyError, TypeError, ValueError):
        return message_type
