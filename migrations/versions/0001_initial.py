"""The initial schema.

Revision ID: 0001
Revises: None
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

_BIGINT, _INTEGER, _FLOAT, _NUMERIC = sa.BigInteger, sa.Integer, sa.DOUBLE_PRECISION, sa.Numeric
_TEXT, _BYTES, _BOOL, _DATE = sa.Text, postgresql.BYTEA, sa.Boolean, sa.Date
_TIMESTAMP = sa.TIMESTAMP(timezone=True)
_BYTES_LIST = postgresql.ARRAY(postgresql.BYTEA())
_EPOCH = "'1970-01-01 00:00:00+00'"


def _columns(
    sql_type: Any, *names: str, default: str | None = None, nullable: bool = False
) -> list[sa.Column[Any]]:
    server_default = None if default is None else sa.text(default)
    return [
        sa.Column(
            name, sql_type, autoincrement=False, server_default=server_default, nullable=nullable
        )
        for name in names
    ]


def _account() -> list[sa.Column[Any]]:
    return _columns(_BIGINT, "debtor_id", "creditor_id")


def _coordinator() -> list[sa.Column[Any]]:
    return [
        *_columns(_TEXT, "coordinator_type"),
        *_columns(_BIGINT, "coordinator_id", "coordinator_request_id"),
    ]


def _create_queue(name: str, *columns: sa.Column[Any]) -> None:
    op.create_table(
        name,
        sa.Column("id", _BIGINT, sa.Identity(always=True), nullable=False),
        *columns,
        sa.PrimaryKeyConstraint("id"),
        postgresql_with={
            "autovacuum_vacuum_threshold": 20000,
            "autovacuum_vacuum_scale_factor": 0,
            "autovacuum_vacuum_insert_threshold": -1,
            "autovacuum_vacuum_cost_delay": 0,
        },
    )


def upgrade() -> None:
    op.execute("CREATE SEQUENCE change_id_seq")
    op.create_table(
        "account_key",
        *_columns(_BIGINT, "debtor_id", "creditor_id"),
        sa.PrimaryKeyConstraint("debtor_id", "creditor_id"),
    )
    op.create_table(
        "account",
        *_columns(_BIGINT, "debtor_id", "creditor_id"),
        *_columns(_DATE, "creation_date"),
        *_columns(_TIMESTAMP, "last_change_ts"),
        *_columns(_INTEGER, "last_change_seqnum", default="0"),
        *_columns(_BIGINT, "principal", default="0"),
        *_columns(_NUMERIC, "interest", default="0"),
        *_columns(_FLOAT, "interest_rate", "previous_interest_rate", default="0"),
        *_columns(_TIMESTAMP, "last_interest_rate_change_ts", default=_EPOCH),
        *_columns(_TIMESTAMP, "last_interest_capitalization_ts"),
        *_columns(_TIMESTAMP, "last_config_ts", default=_EPOCH),
        *_columns(_INTEGER, "last_config_seqnum", default="0"),
        *_columns(_FLOAT, "negligible_amount", default="0"),
        *_columns(_INTEGER, "config_flags", "status_flags", default="0"),
        *_columns(_BIGINT, "minimal_balance", "total_locked_amount", default="0"),
        *_columns(_INTEGER, "pending_transfers_count", default="0"),
        *_columns(_BIGINT, "last_transfer_id"),
        *_columns(_BIGINT, "last_transfer_number", default="0"),
        *_columns(_TIMESTAMP, "last_transfer_committed_at", default=_EPOCH),
        *_columns(_BOOL, "pending_account_update", default="false"),
        *_columns(_TIMESTAMP, "last_heartbeat_ts", "last_deletion_attempt_ts", default=_EPOCH),
        *_columns(
            _TEXT, "config_data", "debtor_info_iri", "debtor_info_content_type", default="''"
        ),
        *_columns(_BYTES, "debtor_info_sha256", default="''"),
        sa.CheckConstraint("interest_rate BETWEEN -50 AND 100"),
        sa.CheckConstraint("last_transfer_number >= 0"),
        sa.CheckConstraint("minimal_balance <= 0"),
        sa.CheckConstraint("negligible_amount >= 0"),
        sa.CheckConstraint("pending_transfers_count >= 0"),
        sa.CheckConstraint("previous_interest_rate BETWEEN -50 AND 100"),
        sa.CheckConstraint("principal > -9223372036854775808"),
        sa.CheckConstraint("total_locked_amount >= 0"),
        postgresql_with={
            "fillfactor": 50,
            "autovacuum_vacuum_scale_factor": 0.05,
            "autovacuum_vacuum_cost_delay": 0,
        },
    )
    op.create_index(
        "idx_account_key",
        "account",
        ["debtor_id", "creditor_id"],
        postgresql_with={"deduplicate_items": "off"},
    )
    op.create_index(
        "idx_account_pending_update",
        "account",
        ["last_heartbeat_ts"],
        postgresql_where=sa.text("pending_account_update"),
    )
    _create_queue(
        "account_purge_signal",
        *_account(),
        *_columns(_DATE, "creation_date"),
        *_columns(_TIMESTAMP, "ts"),
    )
    _create_queue(
        "account_transfer_signal",
        *_account(),
        *_columns(_DATE, "creation_date"),
        *_columns(_BIGINT, "transfer_number"),
        *_columns(_TEXT, "coordinator_type", "sender", "recipient"),
        *_columns(_BIGINT, "acquired_amount"),
        *_columns(_TEXT, "transfer_note", "transfer_note_format"),
        *_columns(_TIMESTAMP, "committed_at"),
        *_columns(_BIGINT, "principal", "previous_transfer_number"),
        *_columns(_TIMESTAMP, "ts"),
    )
    _create_queue(
        "account_update_signal",
        *_account(),
        *_columns(_DATE, "creation_date"),
        *_columns(_TIMESTAMP, "last_change_ts"),
        *_columns(_INTEGER, "last_change_seqnum"),
        *_columns(_BIGINT, "principal"),
        *_columns(_FLOAT, "interest", "interest_rate"),
        *_columns(_TIMESTAMP, "last_interest_rate_change_ts", "last_config_ts"),
        *_columns(_INTEGER, "last_config_seqnum"),
        *_columns(_FLOAT, "negligible_amount"),
        *_columns(_INTEGER, "config_flags"),
        *_columns(
            _TEXT, "config_data", "account_id", "debtor_info_iri", "debtor_info_content_type"
        ),
        *_columns(_BYTES, "debtor_info_sha256"),
        *_columns(_BIGINT, "last_transfer_number"),
        *_columns(_TIMESTAMP, "last_transfer_committed_at", "ts"),
    )
    _create_queue(
        "finalization_request",
        *_account(),
        *_coordinator(),
        *_columns(_BIGINT, "transfer_id", "committed_amount"),
        *_columns(_TEXT, "transfer_note", "transfer_note_format"),
    )
    _create_queue(
        "finalized_transfer_signal",
        *_account(),
        *_coordinator(),
        *_columns(_BIGINT, "transfer_id", "committed_amount"),
        *_columns(_TEXT, "status_code"),
        *_columns(_BIGINT, "total_locked_amount"),
        *_columns(_TIMESTAMP, "prepared_at", "ts"),
    )
    _create_queue(
        "handled_batch", *_columns(_TIMESTAMP, "handled_at"), *_columns(_BYTES_LIST, "digests")
    )
    _create_queue(
        "pending_balance_change",
        *_account(),
        *_columns(_BIGINT, "other_creditor_id", "change_id", "principal_delta"),
        *_columns(_TEXT, "coordinator_type", "transfer_note", "transfer_note_format"),
        *_columns(_TIMESTAMP, "committed_at"),
        *_columns(_BOOL, "is_registered", default="false"),
    )
    _create_queue(
        "pending_balance_change_signal",
        *_account(),
        *_columns(_BIGINT, "other_creditor_id", "change_id"),
        *_columns(_TEXT, "coordinator_type", "transfer_note_format", "transfer_note"),
        *_columns(_TIMESTAMP, "committed_at"),
        *_columns(_BIGINT, "principal_delta"),
        *_columns(_TIMESTAMP, "ts"),
    )
    op.create_table(
        "prepared_transfer",
        *_columns(_BIGINT, "debtor_id", "creditor_id", "transfer_id"),
        *_columns(_TEXT, "coordinator_type"),
        *_columns(
            _BIGINT,
            "coordinator_id",
            "coordinator_request_id",
            "locked_amount",
            "recipient_creditor_id",
        ),
        *_columns(_TIMESTAMP, "prepared_at"),
        *_columns(_FLOAT, "demurrage_rate"),
        *_columns(_TIMESTAMP, "deadline", "final_interest_rate_ts"),
        *_columns(_TIMESTAMP, "last_reminder_ts", nullable=True),
        sa.CheckConstraint("locked_amount >= 0"),
        sa.PrimaryKeyConstraint("debtor_id", "creditor_id", "transfer_id"),
        postgresql_with={"autovacuum_vacuum_cost_delay": 0},
    )
    _create_queue(
        "prepared_transfer_signal",
        *_account(),
        *_coordinator(),
        *_columns(_BIGINT, "transfer_id", "locked_amount"),
        *_columns(_TEXT, "recipient"),
        *_columns(_TIMESTAMP, "prepared_at"),
        *_columns(_FLOAT, "demurrage_rate"),
        *_columns(_TIMESTAMP, "deadline", "final_interest_rate_ts", "ts"),
    )
    op.create_table(
        "registered_balance_change",
        *_columns(_BIGINT, "debtor_id", "other_creditor_id", "change_id"),
        *_columns(_TIMESTAMP, "committed_at"),
        *_columns(_BOOL, "is_applied", default="false"),
        sa.PrimaryKeyConstraint("debtor_id", "other_creditor_id", "change_id"),
    )
    _create_queue(
        "rejected_config_signal",
        *_account(),
        *_columns(_TIMESTAMP, "config_ts"),
        *_columns(_INTEGER, "config_seqnum", "config_flags"),
        *_columns(_TEXT, "config_data"),
        *_columns(_FLOAT, "negligible_amount"),
        *_columns(_TEXT, "rejection_code"),
        *_columns(_TIMESTAMP, "ts"),
    )
    _create_queue(
        "rejected_transfer_signal",
        *_account(),
        *_coordinator(),
        *_columns(_TEXT, "status_code"),
        *_columns(_BIGINT, "total_locked_amount"),
        *_columns(_TIMESTAMP, "ts"),
    )
    _create_queue(
        "returned_message",
        *_columns(_TEXT, "signal_name"),
        *_columns(_BYTES, "body"),
        *_columns(_TEXT, "reason"),
        *_columns(_INTEGER, "attempts_count", default="1"),
        *_columns(_TIMESTAMP, "next_attempt_at"),
    )
    op.create_index("idx_returned_message_due", "returned_message", ["next_attempt_at"])
    op.create_table(
        "root_config",
        *_columns(_BIGINT, "debtor_id"),
        *_columns(_FLOAT, "interest_rate"),
        *_columns(_TEXT, "info_iri", "info_content_type", nullable=True),
        *_columns(_BYTES, "info_sha256", nullable=True),
        *_columns(_TIMESTAMP, "fetched_at", nullable=True),
        sa.PrimaryKeyConstraint("debtor_id"),
    )
    _create_queue(
        "transfer_request",
        *_account(),
        *_coordinator(),
        *_columns(_BIGINT, "min_locked_amount", "max_locked_amount", "recipient_creditor_id"),
        *_columns(_TIMESTAMP, "final_interest_rate_ts", "deadline"),
    )
    _create_queue(
        "unverified_transfer_request",
        *_account(),
        *_coordinator(),
        *_columns(_TIMESTAMP, "received_at", "next_attempt_at"),
        *_columns(_INTEGER, "attempts_count", default="0"),
        *_columns(_BIGINT, "min_locked_amount", "max_locked_amount", "recipient_creditor_id"),
        *_columns(_TIMESTAMP, "final_interest_rate_ts", "deadline"),
    )
    op.create_index(
        "idx_unverified_transfer_request_due",
        "unverified_transfer_request",
        ["next_attempt_at"],
    )


def downgrade() -> None:
    op.drop_table("unverified_transfer_request")
    op.drop_table("transfer_request")
    op.drop_table("root_config")
    op.drop_table("returned_message")
    op.drop_table("rejected_transfer_signal")
    op.drop_table("rejected_config_signal")
    op.drop_table("registered_balance_change")
    op.drop_table("prepared_transfer_signal")
    op.drop_table("prepared_transfer")
    op.drop_table("pending_balance_change_signal")
    op.drop_table("pending_balance_change")
    op.drop_table("handled_batch")
    op.drop_table("finalized_transfer_signal")
    op.drop_table("finalization_request")
    op.drop_table("account_update_signal")
    op.drop_table("account_transfer_signal")
    op.drop_table("account_purge_signal")
    op.drop_table("account")
    op.drop_table("account_key")
    op.execute("DROP SEQUENCE change_id_seq")
