"""What is needed to take over a database of the reference, and to give it back.

Where it has been taken over, the view shows the part of its archive that is not copied yet.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "move",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("moved_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("reference_schema", sa.Text(), nullable=False),
        sa.Column("pages_count", sa.BigInteger(), nullable=False),
        sa.Column("pages_copied", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("is_copied", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint("direction IN ('in', 'out')"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "move_proof",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("move_id", sa.BigInteger(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("debtor_id", sa.BigInteger(), nullable=True),
        sa.Column("before_amount", sa.Numeric(), nullable=True),
        sa.Column("after_amount", sa.Numeric(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute(
        "CREATE VIEW older_balance_change AS"
        " SELECT ctid AS tid, * FROM registered_balance_change WHERE false"
    )


def downgrade() -> None:
    op.execute("DROP VIEW older_balance_change")
    op.drop_table("move_proof")
    op.drop_table("move")
