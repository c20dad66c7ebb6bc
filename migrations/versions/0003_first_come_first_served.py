"""Finds the earlier requests to finalize a transfer; remembers dead letters that were dealt with.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "idx_finalization_request_transfer",
        "finalization_request",
        ["creditor_id", "debtor_id", "transfer_id"],
    )
    op.create_table(
        "dead_letter_dealt_with",
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("stream_offset", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('replaying', 'replayed', 'discarded')"),
        sa.PrimaryKeyConstraint("queue", "stream_offset", "digest"),
    )


def downgrade() -> None:
    op.drop_table("dead_letter_dealt_with")
    op.drop_index("idx_finalization_request_transfer", "finalization_request")
