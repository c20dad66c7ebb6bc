"""The objects of the reference's database, by name (its migration `a5202da9c3ad`)."""

from types import MappingProxyType
from typing import Final

COLUMNS: Final = MappingProxyType(
    {
        "account": (
            "debtor_id creditor_id creation_date last_change_seqnum last_change_ts principal "
            "interest_rate interest last_interest_rate_change_ts last_config_ts "
            "last_config_seqnum last_transfer_number last_transfer_committed_at negligible_amount "
            "config_flags config_data debtor_info_iri debtor_info_content_type debtor_info_sha256 "
            "status_flags total_locked_amount pending_transfers_count last_transfer_id "
            "previous_interest_rate last_heartbeat_ts last_interest_capitalization_ts "
            "last_deletion_attempt_ts pending_account_update"
        ),
        "account_purge_signal": "inserted_at debtor_id creditor_id creation_date",
        "account_transfer_signal": (
            "inserted_at debtor_id creditor_id creation_date transfer_number coordinator_type "
            "committed_at acquired_amount other_creditor_id transfer_note_format transfer_note "
            "principal previous_transfer_number"
        ),
        "account_update_signal": (
            "inserted_at debtor_id creditor_id signal_id last_change_ts last_change_seqnum "
            "principal interest interest_rate last_interest_rate_change_ts last_transfer_number "
            "last_transfer_committed_at last_config_ts last_config_seqnum creation_date "
            "negligible_amount config_data config_flags debtor_info_iri debtor_info_content_type "
            "debtor_info_sha256"
        ),
        "alembic_version": "version_num",
        "finalization_request": (
            "debtor_id sender_creditor_id transfer_id coordinator_type coordinator_id "
            "coordinator_request_id committed_amount transfer_note_format transfer_note ts"
        ),
        "finalized_transfer_signal": (
            "inserted_at debtor_id sender_creditor_id transfer_id coordinator_type coordinator_id "
            "coordinator_request_id prepared_at finalized_at committed_amount total_locked_amount "
            "status_code"
        ),
        "pending_balance_change": (
            "debtor_id other_creditor_id change_id creditor_id coordinator_type "
            "transfer_note_format transfer_note committed_at principal_delta"
        ),
        "pending_balance_change_signal": (
            "inserted_at debtor_id other_creditor_id change_id creditor_id coordinator_type "
            "transfer_note_format transfer_note committed_at principal_delta"
        ),
        "prepared_transfer": (
            "debtor_id sender_creditor_id transfer_id coordinator_type coordinator_id "
            "coordinator_request_id recipient_creditor_id prepared_at demurrage_rate deadline "
            "locked_amount last_reminder_ts final_interest_rate_ts"
        ),
        "prepared_transfer_signal": (
            "inserted_at debtor_id sender_creditor_id signal_id transfer_id coordinator_type "
            "coordinator_id coordinator_request_id locked_amount recipient_creditor_id "
            "prepared_at demurrage_rate deadline final_interest_rate_ts"
        ),
        "registered_balance_change": (
            "debtor_id other_creditor_id change_id committed_at is_applied"
        ),
        "rejected_config_signal": (
            "inserted_at debtor_id creditor_id signal_id config_ts config_seqnum config_flags "
            "config_data negligible_amount rejection_code"
        ),
        "rejected_transfer_signal": (
            "inserted_at debtor_id sender_creditor_id signal_id coordinator_type coordinator_id "
            "coordinator_request_id status_code total_locked_amount"
        ),
        "transfer_request": (
            "debtor_id sender_creditor_id transfer_request_id coordinator_type coordinator_id "
            "coordinator_request_id min_locked_amount max_locked_amount deadline "
            "recipient_creditor_id final_interest_rate_ts"
        ),
    }
)
"""The columns of each table, separated by spaces."""

TABLES: Final = tuple(COLUMNS)

ARCHIVE: Final = "registered_balance_change"
QUEUES: Final = ("transfer_request", "finalization_request", "pending_balance_change")
REFERENCE_OUTBOXES: Final = tuple(name for name in TABLES if name.endswith("_signal"))

TYPES: Final = (
    "account_data",
    "account_pktype",
    "account_purge_signal_pktype",
    "account_transfer_signal_pktype",
    "account_update_signal_pktype",
    "finalization_request_pair",
    "finalized_transfer_signal_pktype",
    "pending_balance_change_signal_pktype",
    "prepared_transfer_pktype",
    "prepared_transfer_signal_pktype",
    "registered_balance_change_pktype",
    "rejected_config_signal_pktype",
    "rejected_transfer_signal_pktype",
)
FUNCTIONS: Final = (
    "apply_account_change",
    "calc_current_balance",
    "calc_due_interest",
    "calc_k",
    "calc_status_code",
    "contain_principal_overflow",
    "get_min_account_balance",
    "insert_account_transfer_signal",
    "insert_account_update_signal",
    "lock_account",
    "lock_or_create_account",
    "prepare_transfer",
    "process_finalization_requests",
    "process_pending_balance_changes",
    "process_transfer_requests",
    "reject_transfer",
)
