"""What agents send: messages as dicts, each with its `type`, and how they are written.

The builders fill in what a sensible agent would say; any field can be changed by its name.
"""

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from agentkit.keys import ROOT_CREDITOR_ID, unsigned

Message = dict[str, Any]

CONTENT_TYPE: Final = "application/json"
# As of a wallet that takes any interest rate, and does not hurry.
NO_FINAL_INTEREST_RATE_TS: Final = "9999-12-31T23:59:59+00:00"
NO_MAX_COMMIT_DELAY_SECONDS: Final = (1 << 31) - 1
UNLIMITED: Final = 1e30
"""The negligible amount of a debtor's account that may issue any amount."""

_seqnums = itertools.count(1)
_request_ids = itertools.count(1)

encode = msgspec.json.Encoder().encode
"""The body of a message. What JSON cannot express, like an infinity, becomes null."""


def now_text() -> str:
    """This moment, as it is written in messages."""
    return datetime.now(UTC).isoformat()


def configure(debtor_id: int, creditor_id: int, /, **changes: Any) -> Message:
    """A ConfigureAccount. It is later than all those before."""
    return {
        "type": "ConfigureAccount",
        "debtor_id": debtor_id,
        "creditor_id": creditor_id,
        "negligible_amount": 0.0,
        "config_flags": 0,
        "config_data": "",
        "ts": now_text(),
        "seqnum": next(_seqnums),
        **changes,
    }


def configure_root(debtor_id: int, /, **changes: Any) -> Message:
    """The ConfigureAccount that lets a debtor issue money without limit."""
    return configure(debtor_id, ROOT_CREDITOR_ID, **{"negligible_amount": UNLIMITED, **changes})


def prepare(
    debtor_id: int, creditor_id: int, recipient: int | str, amount: int, /, **changes: Any
) -> Message:
    """A PrepareTransfer that locks the whole amount, with a new request id.

    The recipient is given by its creditor id, or by any text in the place of an account id.
    """
    is_root = creditor_id == ROOT_CREDITOR_ID
    return {
        "type": "PrepareTransfer",
        "debtor_id": debtor_id,
        "creditor_id": creditor_id,
        "coordinator_type": "issuing" if is_root else "direct",
        "coordinator_id": debtor_id if is_root else creditor_id,
        "coordinator_request_id": next(_request_ids),
        "min_locked_amount": amount,
        "max_locked_amount": amount,
        "recipient": recipient if isinstance(recipient, str) else unsigned(recipient),
        "final_interest_rate_ts": NO_FINAL_INTEREST_RATE_TS,
        "max_commit_delay": NO_MAX_COMMIT_DELAY_SECONDS,
        "ts": now_text(),
        **changes,
    }


def finalize(prepared: Mapping[str, Any], amount: int, /, **changes: Any) -> Message:
    """The FinalizeTransfer for a PreparedTransfer; the amount 0 dismisses it."""
    return {
        "type": "FinalizeTransfer",
        "debtor_id": prepared["debtor_id"],
        "creditor_id": prepared["creditor_id"],
        "transfer_id": prepared["transfer_id"],
        "coordinator_type": prepared["coordinator_type"],
        "coordinator_id": prepared["coordinator_id"],
        "coordinator_request_id": prepared["coordinator_request_id"],
        "committed_amount": amount,
        "transfer_note": "",
        "transfer_note_format": "",
        "ts": now_text(),
        **changes,
    }


def balance_change(
    debtor_id: int, creditor_id: int, sender: int, amount: int, /, **changes: Any
) -> Message:
    """A PendingBalanceChange: the one message between shards, here about what was paid abroad."""
    return {
        "type": "PendingBalanceChange",
        "debtor_id": debtor_id,
        "creditor_id": creditor_id,
        "other_creditor_id": sender,
        "change_id": 1,
        "principal_delta": amount,
        "coordinator_type": "direct",
        "transfer_note": "",
        "transfer_note_format": "",
        "committed_at": "2024-05-20T13:15:09+00:00",
        **changes,
    }
