"""The initial schema.

Revision ID: 0001
Revises: None
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SEQUENCE change_id_seq")
    op.create_table(
        "account_key",
        sa.Column("debtor_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("creditor_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("debtor_id", "creditor_id"),
    )

    op.create_table(
        "account",
        sa.Column("debtor_id", sa.BigInteger(), nullable=False),
        sa.Column("creditor_id", sa.BigInteger(), nullable=False),
        sa.Column("creation_date", sa.Date(), nullable=False),
        sa.Column("last_change_ts", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("last_change_seqnum", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("principal", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("interest", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "interest_rate", sa.DOUBLE_PRECISION(), server_default=sa.text("0"), nullable=False
        ),
        sa.Column(
            "previous_interest_rate",
            sa.DOUBLE_PRECISION(),
            server_default=sa.text("0"),
            nullable=False,
        ),
        sa.Column(
            "last_interest_rate_change_ts",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("'1970-01-01 00:00:00+00'"),
            nullable=False,
        ),
        sa.Column("last_interest_capitalization_ts", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column(
            "last_config_ts",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("'1970-01-01 00:00:00+00'"),
            nullable=False,
        ),
        sa.Column("last_config_seqnum", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "negligible_amount", sa.DOUBLE_PRECISION(), server_default=sa.text("0"), nullable=False
        ),
        sa.Column("config_flags", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("status_flags", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("minimal_balance", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "total_locked_amount", sa.BigInteger(), server_default=sa.text("0"), nullable=False
        ),
        sa.Column(
            "pending_transfers_count", sa.Integer(), server_default=sa.text("0"), nullable=False
        ),
        sa.Column("last_transfer_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "last_transfer_number", sa.BigInteger(), server_default=sa.text("0"), nullable=False
        ),
        sa.Column(
            "last_transfer_committed_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("'1970-01-01 00:00:00+00'"),
            nullable=False,
        ),
        sa.Column(
            "pending_account_update", sa.Boolean(), server_default=sa.text("false"), nullable=False
        ),
        sa.Column(
            "last_heartbeat_ts",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("'1970-01-01 00:00:00+00'"),
            nullable=False,
        ),
        sa.Column(
            "last_deletion_attempt_ts",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("'1970-01-01 00:00:00+00'"),
            nullable=False,
        ),
        sa.Column("config_data", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("debtor_info_iri", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column(
            "debtor_info_content_type", sa.Text(), server_default=sa.text("''"), nullable=False
        ),
        sa.Column(
            "debtor_info_sha256", postgresql.BYTEA(), server_default=sa.text("''"), nullable=False
        ),
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
        unique=False,
        postgresql_with={"deduplicate_items": "off"},
    )
    op.create_index(
        "idx_account_pending_update",
        "account",
        ["last_heartbeat_ts"],
        unique=False,
        postgresql_where=sa.text("pending_account_update"),
    )

    op.create_table(
        "account_purge_signal",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("debtor_id", sa.BigInteger(), nullable=False),
        sa.Column("creditor_id", sa.BigInteger(), nullable=False),
        sa.Column("creation_date", sa.Date(), nullable=False),
        sa.Column("ts", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        postgresql_with={
            "autovacuum_vacuum_threshold": 20000,
            "autovacuum_vacuum_scale_factor": 0,
            "autovacuum_vacuum_insert_threshold": -1,
            "autovacuum_vacuum_cost_delay": 0,
        },
    )
    op.create_table(
        "account_transfer_signal",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("debtor_id", sa.BigInteger(), nullable=False),
        sa.Column("creditor_id", sa.BigInteger(), nullable=False),
        sa.Column("creation_date", sa.Date(), nullable=False),
        sa.Column("transfer_number", sa.BigInteger(), nullable=False),
        sa.Column("coordinator_type", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("acquired_amount", sa.BigInteger(), nullable=False),
        sa.Column("transfer_note", sa.Text(), nullable=False),
        sa.Column("transfer_note_format", sa.Text(), nullable=False),
        sa.Column("committed_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("principal", sa.BigInteger(), nullable=False),
        sa.Column("previous_transfer_number", sa.BigInteger(), nullable=False),
        sa.Column("ts", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        postgresql_with={
            "autovacuum_vacuum_threshold": 20000,
            "autovacuum_vacuum_scale_factor": 0,
            "autovacuum_vacuum_insert_threshold": -1,
            "autovacuum_vacuum_cost_delay": 0,
        },
    )
    op.create_table(
        "account_update_signal",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("debtor_id", sa.BigInteger(), nullable=False),
        sa.Column("creditor_id", sa.BigInteger(), nullable=False),
        sa.Column("creation_date", sa.Date(), nullable=False),
        sa.Column("last_change_ts", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("last_change_seqnum", sa.Integer(), nullable=False),
        sa.Column("principal", sa.BigInteger(), nullable=False),
        sa.Column("interest", sa.DOUBLE_PRECISION(), nullable=False),
        sa.Column("interest_rate", sa.DOUBLE_PRECISION(), nullable=False),
        sa.Column("last_interest_rate_change_ts", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("last_config_ts", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("last_config_seqnum", sa.Integer(), nullable=False),
        sa.Column("negligible_amount", sa.DOUBLE_PRECISION(), nullable=False),
        sa.Column("config_flags", sa.Integer(), nullable=False),
        sa.Column("config_data", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("debtor_info_iri", sa.Text(), nullable=False),
        sa.Column("debtor_info_content_type", sa.Text(), nullable=False),
        sa.Column("debtor_info_sha256", postgresql.BYTEA(), nullable=False),
        sa.Column("last_transfer_number", sa.BigInteger(), nullable=False),
        sa.Column("last_transfer_committed_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("ts", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        postgresql_with={
            "autovacuum_vacuum_threshold": 20000,
            "autovacuum_vacuum_scale_factor": 0,
            "autovacuum_vacuum_insert_threshold": -1,
            "autovacuum_vacuum_cost_delay": 0,
        },
    )
    op.create_table(
        "finalization_request",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("debtor_id", sa.BigInteger(), nullable=False),
        sa.Column("creditor_id", sa.BigInteger(), nullable=False),
        sa.Column("coordinator_type", sa.Text(), nullable=False),
        sa.Column("coordinator_id", sa.BigInteger(), nullable=False),
        sa.Column("coordinator_request_id", sa.BigInteger(), nullable=False),
        sa.Column("transfer_id", sa.BigInteger(), nullable=False),
        sa.Column("committed_amount", sa.BigInteger(), nullable=False),
        sa.Column("transfer_note", sa.Text(), nullable=False),
        sa.Column("transfer_note_format", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        postgresql_with={
            "autovacuum_vacuum_threshold": 20000,
            "autovacuum_vacuum_scale_factor": 0,
            "autovacuum_vacuum_insert_threshold": -1,
            "autovacuum_vacuum_cost_delay": 0,
        },
    )
    op.create_table(
        "finalized_transfer_signal",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("debtor_id", sa.BigInteger(), nullable=False),
        sa.Column("creditor_id", sa.BigInteger(), nullable=False),
        sa.Column("coordinator_type", sa.Text(), nullable=False),
        sa.Column("coordinator_id", sa.BigInteger(), nullable=False),
        sa.Column("coordinator_request_id", sa.BigInteger(), nullable=False),
        sa.Column("transfer_id", sa.BigInteger(), nullable=False),
        sa.Column("committed_amount", sa.BigInteger(), nullable=False),
        sa.Column("status_code", sa.Text(), nullable=False),
        sa.Column("total_locked_amount", sa.BigInteger(), nullable=False),
        sa.Column("prepared_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("ts", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        postgresql_with={
            "autovacuum_vacuum_threshold": 20000,
            "autovacuum_vacuum_scale_factor": 0,
            "autovacuum_vacuum_insert_threshold": -1,
            "autovacuum_vacuum_cost_delay": 0,
        },
    )
    op.create_table(
        "handled_batch",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("handled_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("digests", postgresql.ARRAY(postgresql.BYTEA()), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        postgresql_with={
            "autovacuum_vacuum_threshold": 20000,
            "autovacuum_vacuum_scale_factor": 0,
            "autovacuum_vacuum_insert_threshold": -1,
            "autovacuum_vacuum_cost_delay": 0,
        },
    )
    op.create_table(
        "pending_balance_change",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("debtor_id", sa.BigInteger(), nullable=False),
        sa.Column("creditor_id", sa.BigInteger(), nullable=False),
        sa.Column("other_creditor_id", sa.BigInteger(), nullable=False),
        sa.Column("change_id", sa.BigInteger(), nullable=False),
        sa.Column("principal_delta", sa.BigInteger(), nullable=False),
        sa.Column("coordinator_type", sa.Text(), nullable=False),
        sa.Column("transfer_note", sa.Text(), nullable=False),
        sa.Column("transfer_note_format", sa.Text(), nullable=False),
        sa.Column("committed_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("is_registered", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        postgresql_with={
            "autovacuum_vacuum_threshold": 20000,
            "autovacuum_vacuum_scale_factor": 0,
            "autovacuum_vacuum_insert_threshold": -1,
            "autovacuum_vacuum_cost_delay": 0,
        },
    )
    op.create_table(
        "pending_balance_change_signal",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("debtor_id", sa.BigInteger(), nullable=False),
        sa.Column("creditor_id", sa.BigInteger(), nullable=False),
        sa.Column("other_creditor_id", sa.BigInteger(), nullable=False),
        sa.Column("change_id", sa.BigInteger(), nullable=False),
        sa.Column("coordinator_type", sa.Text(), nullable=False),
        sa.Column("transfer_note_format", sa.Text(), nullable=False),
        sa.Column("transfer_note", sa.Text(), nullable=False),
        sa.Column("committed_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("principal_delta", sa.BigInteger(), nullable=False),
        sa.Column("ts", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        postgresql_with={
            "autovacuum_vacuum_threshold": 20000,
            "autovacuum_vacuum_scale_factor": 0,
            "autovacuum_vacuum_insert_threshold": -1,
            "autovacuum_vacuum_cost_delay": 0,
        },
    )
    op.create_table(
        "prepared_transfer",
        sa.Column("debtor_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("creditor_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("transfer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("coordinator_type", sa.Text(), nullable=False),
        sa.Column("coordinator_id", sa.BigInteger(), nullable=False),
        sa.Column("coordinator_request_id", sa.BigInteger(), nullable=False),
        sa.Column("locked_amount", sa.BigInteger(), nullable=False),
        sa.Column("recipient_creditor_id", sa.BigInteger(), nullable=False),
        sa.Column("prepared_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("demurrage_rate", sa.DOUBLE_PRECISION(), nullable=False),
        sa.Column("deadline", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("final_interest_rate_ts", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("last_reminder_ts", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("locked_amount >= 0"),
        sa.PrimaryKeyConstraint("debtor_id", "creditor_id", "transfer_id"),
        postgresql_with={"autovacuum_vacuum_cost_delay": 0},
    )
    op.create_table(
        "prepared_transfer_signal",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("debtor_id", sa.BigInteger(), nullable=False),
        sa.Column("creditor_id", sa.BigInteger(), nullable=False),
        sa.Column("coordinator_type", sa.Text(), nullable=False),
        sa.Column("coordinator_id", sa.BigInteger(), nullable=False),
        sa.Column("coordinator_request_id", sa.BigInteger(), nullable=False),
        sa.Column("transfer_id", sa.BigInteger(), nullable=False),
        sa.Column("locked_amount", sa.BigInteger(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("prepared_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("demurrage_rate", sa.DOUBLE_PRECISION(), nullable=False),
        sa.Column("deadline", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("final_interest_rate_ts", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("ts", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        postgresql_with={
            "autovacuum_vacuum_threshold": 20000,
            "autovacuum_vacuum_scale_factor": 0,
            "autovacuum_vacuum_insert_threshold": -1,
            "autovacuum_vacuum_cost_delay": 0,
        },
    )
    op.create_table(
        "registered_balance_change",
        sa.Column("debtor_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("other_creditor_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("change_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("committed_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("is_applied", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("debtor_id", "other_creditor_id", "change_id"),
    )
    op.create_table(
        "rejected_config_signal",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("debtor_id", sa.BigInteger(), nullable=False),
        sa.Column("creditor_id", sa.BigInteger(), nullable=False),
        sa.Column("config_ts", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("config_seqnum", sa.Integer(), nullable=False),
        sa.Column("config_flags", sa.Integer(), nullable=False),
        sa.Column("config_data", sa.Text(), nullable=False),
        sa.Column("negligible_amount", sa.DOUBLE_PRECISION(), nullable=False),
        sa.Column("rejection_code", sa.Text(), nullable=False),
        sa.Column("ts", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        postgresql_with={
            "autovacuum_vacuum_threshold": 20000,
            "autovacuum_vacuum_scale_factor": 0,
            "autovacuum_vacuum_insert_threshold": -1,
            "autovacuum_vacuum_cost_delay": 0,
        },
    )
    op.create_table(
        "rejected_transfer_signal",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("debtor_id", sa.BigInteger(), nullable=False),
        sa.Column("creditor_id", sa.BigInteger(), nullable=False),
        sa.Column("coordinator_type", sa.Text(), nullable=False),
        sa.Column("coordinator_id", sa.BigInteger(), nullable=False),
        sa.Column("coordinator_request_id", sa.BigInteger(), nullable=False),
        sa.Column("status_code", sa.Text(), nullable=False),
        sa.Column("total_locked_amount", sa.BigInteger(), nullable=False),
        sa.Column("ts", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        postgresql_with={
            "autovacuum_vacuum_threshold": 20000,
            "autovacuum_vacuum_scale_factor": 0,
            "autovacuum_vacuum_insert_threshold": -1,
            "autovacuum_vacuum_cost_delay": 0,
        },
    )
    op.create_table(
        "returned_message",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("signal_name", sa.Text(), nullable=False),
        sa.Column("body", postgresql.BYTEA(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("attempts_count", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("next_attempt_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        postgresql_with={
            "autovacuum_vacuum_threshold": 20000,
            "autovacuum_vacuum_scale_factor": 0,
            "autovacuum_vacuum_insert_threshold": -1,
            "autovacuum_vacuum_cost_delay": 0,
        },
    )
    op.create_index(
        "idx_returned_message_due", "returned_message", ["next_attempt_at"], unique=False
    )

    op.create_table(
        "root_config",
        sa.Column("debtor_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("interest_rate", sa.DOUBLE_PRECISION(), nullable=False),
        sa.Column("info_iri", sa.Text(), nullable=True),
        sa.Column("info_content_type", sa.Text(), nullable=True),
        sa.Column("info_sha256", postgresql.BYTEA(), nullable=True),
        sa.Column("fetched_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("debtor_id"),
    )
    op.create_table(
        "transfer_request",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("debtor_id", sa.BigInteger(), nullable=False),
        sa.Column("creditor_id", sa.BigInteger(), nullable=False),
        sa.Column("coordinator_type", sa.Text(), nullable=False),
        sa.Column("coordinator_id", sa.BigInteger(), nullable=False),
        sa.Column("coordinator_request_id", sa.BigInteger(), nullable=False),
        sa.Column("min_locked_amount", sa.BigInteger(), nullable=False),
        sa.Column("max_locked_amount", sa.BigInteger(), nullable=False),
        sa.Column("recipient_creditor_id", sa.BigInteger(), nullable=False),
        sa.Column("final_interest_rate_ts", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("deadline", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        postgresql_with={
            "autovacuum_vacuum_threshold": 20000,
            "autovacuum_vacuum_scale_factor": 0,
            "autovacuum_vacuum_insert_threshold": -1,
            "autovacuum_vacuum_cost_delay": 0,
        },
    )
    op.create_table(
        "unverified_transfer_request",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("debtor_id", sa.BigInteger(), nullable=False),
        sa.Column("creditor_id", sa.BigInteger(), nullable=False),
        sa.Column("coordinator_type", sa.Text(), nullable=False),
        sa.Column("coordinator_id", sa.BigInteger(), nullable=False),
        sa.Column("coordinator_request_id", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("next_attempt_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("attempts_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("min_locked_amount", sa.BigInteger(), nullable=False),
        sa.Column("max_locked_amount", sa.BigInteger(), nullable=False),
        sa.Column("recipient_creditor_id", sa.BigInteger(), nullable=False),
        sa.Column("final_interest_rate_ts", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("deadline", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        postgresql_with={
            "autovacuum_vacuum_threshold": 20000,
            "autovacuum_vacuum_scale_factor": 0,
            "autovacuum_vacuum_insert_threshold": -1,
            "autovacuum_vacuum_cost_delay": 0,
        },
    )
    op.create_index(
        "idx_unverified_transfer_request_due",
        "unverified_transfer_request",
        ["next_attempt_at"],
        unique=False,
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
