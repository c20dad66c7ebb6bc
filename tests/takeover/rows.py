"""Rows of the reference's tables, as one needs them in a test."""

from typing import Any, Final

import psycopg
from psycopg import sql

DEBTOR: Final = 1234
CREDITOR: Final = 5 << 40
RECIPIENT: Final = 6 << 40
NOW: Final = "2026-11-25 11:06:44.123456+00"
T0: Final = "1970-01-01 00:00:00+00"
NEVER: Final = "9999-12-31 23:59:59+00"

_COORDINATOR: Final = {
    "coordinator_type": "direct",
    "coordinator_id": CREDITOR,
    "coordinator_request_id": 1,
}
_OWNER: Final = {"debtor_id": DEBTOR, "creditor_id": CREDITOR}
_SENDER: Final = {"debtor_id": DEBTOR, "sender_creditor_id": CREDITOR}
_NOTE: Final = {"transfer_note_format": "", "transfer_note": ""}
_CHANGE: Final = {
    "debtor_id": DEBTOR,
    "other_creditor_id": RECIPIENT,
    "change_id": 1,
    "committed_at": NOW,
}

DEFAULTS: Final[dict[str, dict[str, Any]]] = {
    "account": {
        **_OWNER,
        "creation_date": "2026-08-10",
        "last_change_seqnum": 1,
        "last_change_ts": NOW,
        "principal": 0,
        "interest_rate": 0,
        "interest": 0,
        "last_interest_rate_change_ts": T0,
        "last_config_ts": T0,
        "last_config_seqnum": 0,
        "last_transfer_number": 0,
        "last_transfer_committed_at": T0,
        "negligible_amount": 0,
        "config_flags": 0,
        "config_data": "",
        "debtor_info_iri": None,
        "debtor_info_content_type": None,
        "debtor_info_sha256": None,
        "status_flags": 0,
        "total_locked_amount": 0,
        "pending_transfers_count": 0,
        "last_transfer_id": 22732402904268800,
        "previous_interest_rate": 0,
        "last_heartbeat_ts": NOW,
        "last_interest_capitalization_ts": T0,
        "last_deletion_attempt_ts": T0,
        "pending_account_update": False,
    },
    "prepared_transfer": {
        **_SENDER,
        "transfer_id": 22732402904268800,
        **_COORDINATOR,
        "recipient_creditor_id": RECIPIENT,
        "prepared_at": NOW,
        "demurrage_rate": -50,
        "deadline": NEVER,
        "locked_amount": 0,
        "last_reminder_ts": None,
        "final_interest_rate_ts": NEVER,
    },
    "registered_balance_change": {**_CHANGE, "is_applied": True},
    "transfer_request": {
        **_SENDER,
        **_COORDINATOR,
        "min_locked_amount": 0,
        "max_locked_amount": 0,
        "deadline": NEVER,
        "recipient_creditor_id": RECIPIENT,
        "final_interest_rate_ts": NEVER,
    },
    "finalization_request": {
        **_SENDER,
        "transfer_id": 22732402904268800,
        **_COORDINATOR,
        "committed_amount": 0,
        **_NOTE,
        "ts": NOW,
    },
    "pending_balance_change": {
        **_CHANGE,
        "creditor_id": CREDITOR,
        "coordinator_type": "direct",
        **_NOTE,
        "principal_delta": 1,
    },
    "rejected_config_signal": {
        "inserted_at": NOW,
        **_OWNER,
        "config_ts": NOW,
        "config_seqnum": 1,
        "config_flags": 0,
        "config_data": "",
        "negligible_amount": 0,
        "rejection_code": "INVALID_CONFIGURATION",
    },
    "rejected_transfer_signal": {
        "inserted_at": NOW,
        **_SENDER,
        **_COORDINATOR,
        "status_code": "INSUFFICIENT_AVAILABLE_AMOUNT",
        "total_locked_amount": 0,
    },
    "prepared_transfer_signal": {
        "inserted_at": NOW,
        **_SENDER,
        "transfer_id": 22732402904268800,
        **_COORDINATOR,
        "locked_amount": 0,
        "recipient_creditor_id": RECIPIENT,
        "prepared_at": NOW,
        "demurrage_rate": -50,
        "deadline": NEVER,
        "final_interest_rate_ts": NEVER,
    },
    "finalized_transfer_signal": {
        "inserted_at": NOW,
        **_SENDER,
        "transfer_id": 22732402904268800,
        **_COORDINATOR,
        "prepared_at": NOW,
        "finalized_at": NOW,
        "committed_amount": 0,
        "total_locked_amount": 0,
        "status_code": "OK",
    },
    "account_transfer_signal": {
        "inserted_at": NOW,
        **_OWNER,
        "creation_date": "2026-08-10",
        "transfer_number": 1,
        "coordinator_type": "direct",
        "committed_at": NOW,
        "acquired_amount": 1,
        "other_creditor_id": RECIPIENT,
        **_NOTE,
        "principal": 1,
        "previous_transfer_number": 0,
    },
    "account_update_signal": {
        "inserted_at": NOW,
        **_OWNER,
        "last_change_ts": NOW,
        "last_change_seqnum": 1,
        "principal": 0,
        "interest": 0,
        "interest_rate": 0,
        "last_interest_rate_change_ts": T0,
        "last_transfer_number": 0,
        "last_transfer_committed_at": T0,
        "last_config_ts": T0,
        "last_config_seqnum": 0,
        "creation_date": "2026-08-10",
        "negligible_amount": 0,
        "config_data": "",
        "config_flags": 0,
        "debtor_info_iri": None,
        "debtor_info_content_type": None,
        "debtor_info_sha256": None,
    },
    "account_purge_signal": {"inserted_at": NOW, **_OWNER, "creation_date": "2026-08-10"},
    "pending_balance_change_signal": {
        "inserted_at": NOW,
        **_CHANGE,
        "creditor_id": CREDITOR,
        "coordinator_type": "direct",
        **_NOTE,
        "principal_delta": 1,
    },
}
"""A row of each table, but for the numbers that the sequences of the reference give."""


def insert(connection: psycopg.Connection[Any], table: str, **changes: Any) -> None:
    """Insert a row: that of `DEFAULTS`, with changes. Texts become what the column needs."""
    row = {**DEFAULTS[table], **changes}
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, row)),
        sql.SQL(", ").join(map(sql.Literal, row.values())),
    )
    connection.execute(statement)
