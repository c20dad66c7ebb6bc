"""How ids, moments and messages are written on the wire."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

Message = dict[str, Any]

ROOT_CREDITOR_ID = 0
# As of a wallet that takes any interest rate, and does not hurry.
NO_FINAL_INTEREST_RATE_TS = "9999-12-31T23:59:59+00:00"
NO_MAX_COMMIT_DELAY_SECONDS = (1 << 31) - 1


def hex_key(n: int) -> str:
    """The routing key of messages to an agent: the bytes of an id, in two's complement."""
    return n.to_bytes(8, "big", signed=True).hex(".")


def bits_key(debtor_id: int, creditor_id: int) -> str:
    """The routing key of messages to an account: the first 24 bits of an MD5 digest."""
    ids = debtor_id.to_bytes(8, "big", signed=True) + creditor_id.to_bytes(8, "big", signed=True)
    digest = hashlib.md5(ids, usedforsecurity=False).digest()
    return ".".join(format(int.from_bytes(digest[:3], "big"), "024b"))


def unsigned(n: int) -> str:
    """An id as an unsigned decimal: an account id, or a part of a fetch API's path."""
    return str(n % (1 << 64))


def now() -> str:
    """The present moment."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def encode(message: Message) -> bytes:
    """The body of a message."""
    return json.dumps(message, ensure_ascii=False, allow_nan=False).encode()


def configure_account(
    debtor_id: int,
    creditor_id: int,
    seqnum: int,
    *,
    negligible_amount: float,
    config_data: str = "",
) -> Message:
    """Creates an account, or changes its configuration."""
    return {
        "type": "ConfigureAccount",
        "debtor_id": debtor_id,
        "creditor_id": creditor_id,
        "negligible_amount": negligible_amount,
        "config_flags": 0,
        "config_data": config_data,
        "ts": now(),
        "seqnum": seqnum,
    }


def prepare_transfer(
    sender: tuple[int, int],
    recipient: str,
    coordinator: Message,
    *,
    min_locked_amount: int,
    max_locked_amount: int,
    max_commit_delay: int = NO_MAX_COMMIT_DELAY_SECONDS,
    ts: str | None = None,
) -> Message:
    """Asks for a transfer. `coordinator` has its three fields, `sender` the account's two ids."""
    return {
        "type": "PrepareTransfer",
        "debtor_id": sender[0],
        "creditor_id": sender[1],
        **coordinator,
        "min_locked_amount": min_locked_amount,
        "max_locked_amount": max_locked_amount,
        "recipient": recipient,
        "final_interest_rate_ts": NO_FINAL_INTEREST_RATE_TS,
        "max_commit_delay": max_commit_delay,
        "ts": ts or now(),
    }


def finalize_transfer(prepared: Message, committed_amount: int, note: str = "") -> Message:
    """Commits (or with 0 dismisses) the transfer that a PreparedTransfer message has reported."""
    ids = ("debtor_id", "creditor_id", "transfer_id")
    coordinator = ("coordinator_type", "coordinator_id", "coordinator_request_id")
    return {
        "type": "FinalizeTransfer",
        **{name: prepared[name] for name in (*ids, *coordinator)},
        "committed_amount": committed_amount,
        "transfer_note": note,
        "transfer_note_format": "",
        "ts": now(),
    }
