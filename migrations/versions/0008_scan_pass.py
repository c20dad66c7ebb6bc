"""How far the scans are.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "scan_pass",
        sa.Column("scan", sa.Text(), nullable=False),
        sa.Column("began_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("noted_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("done_count", sa.BigInteger(), nullable=False),
        sa.Column("pages_count", sa.BigInteger(), nullable=False),
        sa.Column("pass_seconds", sa.DOUBLE_PRECISION(), nullable=False),
        sa.Column("late_seconds", sa.DOUBLE_PRECISION(), nullable=False),
        sa.Column("completed_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("scan"),
    )


def downgrade() -> None:
    op.drop_table("scan_pass")
