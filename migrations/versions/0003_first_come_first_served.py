"""Finds the earlier requests to finalize a transfer.

Revision ID: 0003
Revises: 0002
"""

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


def downgrade() -> None:
    op.drop_index("idx_finalization_request_transfer", "finalization_request")
