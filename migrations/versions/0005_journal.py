"""The journal of messages received and sent: a slot for each of 32 days.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

SLOTS_COUNT = 32


def upgrade() -> None:
    op.create_table(
        "journal",
        sa.Column("slot", sa.SmallInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("recorded_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("is_sent", sa.Boolean(), nullable=False),
        sa.Column("message_type", sa.Text(), nullable=False),
        sa.Column("debtor_id", sa.BigInteger(), nullable=False),
        sa.Column("creditor_id", sa.BigInteger(), nullable=False),
        sa.Column("coordinator_type", sa.Text(), nullable=True),
        sa.Column("coordinator_id", sa.BigInteger(), nullable=True),
        sa.Column("coordinator_request_id", sa.BigInteger(), nullable=True),
        sa.Column("transfer_id", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("slot", "id"),
        postgresql_partition_by="LIST (slot)",
    )
    op.create_index("idx_journal_account", "journal", ["debtor_id", "creditor_id", "recorded_at"])
    op.create_index(
        "idx_journal_coordinator",
        "journal",
        ["coordinator_id", "coordinator_request_id"],
        postgresql_where=sa.text("coordinator_request_id IS NOT NULL"),
    )
    op.create_index(
        "idx_journal_transfer",
        "journal",
        ["creditor_id", "transfer_id", "debtor_id"],
        postgresql_where=sa.text("transfer_id IS NOT NULL"),
    )
    for slot in range(SLOTS_COUNT):
        op.execute(
            f"CREATE TABLE journal_{slot:02} PARTITION OF journal FOR VALUES IN ({slot})"
            " WITH (autovacuum_vacuum_insert_threshold = -1)"
        )


def downgrade() -> None:
    op.drop_table("journal")
